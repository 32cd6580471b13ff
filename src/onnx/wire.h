/** Check of a protobuf file before protobuf-c, which recurses without limit, sees it. */
#ifndef JUDD_SRC_ONNX_WIRE_H
#define JUDD_SRC_ONNX_WIRE_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    JUDD_WIRE_MAX_DEPTH = 64,
    JUDD_WIRE_MAX_MESSAGES = 1 << 20, /* each costs protobuf-c some hundred bytes */
    JUDD_WIRE_MAX_FIELDS = 1 << 24,   /* each costs some ten bytes */
    JUDD_WIRE_MAX_PACKED = 1 << 28    /* bytes of packed numbers of one file */
};

/** JUDD_E_DATA unless the bytes are a well-formed ONNX ModelProto within the limits above: lengths
 *  inside their message, no groups, no single message given twice. `path` is for the message.
 *  *external: whether some tensor says that its bytes are in another file. */
judd_status judd_wire_check(const uint8_t *data, size_t bytes, const char *path, bool *external);

#endif
