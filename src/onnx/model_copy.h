/** The inside of a model copy: pieces of files by their place. */
#ifndef JUDD_SRC_ONNX_MODEL_COPY_H
#define JUDD_SRC_ONNX_MODEL_COPY_H

#include <judd/onnx/model_copy.h>

#include <stdint.h>

/** Where a piece lies: the model file itself (location ""), or a part of one beside it. */
typedef struct judd_model_place {
    const char *model, *location;
    int64_t offset, bytes; /* in that file; 0, 0: all of it */
} judd_model_place;

/** The piece that lies there, if it is kept: *data [*bytes], free(); else *data is NULL. A copy of
 *  NULL keeps nothing. */
judd_status judd_model_copy_find(uint8_t **data, int64_t *bytes, judd_model_copy *copy,
                                 const judd_model_place *place);

/** A reading of a model's external data begins: it gets each piece once from the copy. A second
 * tensor in the same place goes to the file, where whoever counts what tensors share finds it. */
void judd_model_copy_begin(judd_model_copy *copy);

/** Keep a piece. Where the disk has not as much room again it is not kept, and its file is read
 * again. */
judd_status judd_model_copy_keep(judd_model_copy *copy, const judd_model_place *place,
                                 const uint8_t *data, int64_t bytes);

#endif
