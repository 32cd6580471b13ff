/** Bytes of model files and of the external data beside them. */
#ifndef JUDD_SRC_ONNX_MODEL_FILE_H
#define JUDD_SRC_ONNX_MODEL_FILE_H

#include <judd/onnx/model_copy.h>

#include <stdint.h>

/** The whole of a regular file of 1 byte to 2 GiB - 1, from the copy if it is there, else it goes
 *  there (NULL: no copy). Owner of *data: caller, free(). */
judd_status judd_model_file_read(uint8_t **data, int64_t *bytes, const char *path,
                                 judd_model_copy *copy);

/** Opens `location` for reading, relative to the folder of `model`; refuses absolute paths, "..",
 *  symbolic links anywhere below the folder, hard links and anything but regular files. */
judd_status judd_model_file_open_beside(int *fd, int64_t *bytes, const char *model,
                                        const char *location);

/** Exactly `bytes` bytes from `offset`; `path` is for the message. */
judd_status judd_model_file_read_at(int fd, void *data, int64_t bytes, int64_t offset,
                                    const char *path);

#endif
