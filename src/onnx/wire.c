/* Protocol Buffers encoding: https://protobuf.dev/programming-guides/encoding/ */
#include "onnx/wire.h"

#include <onnx/onnx.pb-c.h>

#include <string.h>

typedef struct scan {
    const uint8_t *start, *at, *end; /* of the file, the reader, the innermost message */
    const char *path;
    int depth;
    int64_t n_messages, n_fields, packed_bytes;
    bool external; /* some tensor's bytes are in another file */
} scan;

#define SCAN_FAIL(s, ...)                                                                          \
    do {                                                                                           \
        judd_status_set(JUDD_E_DATA, __VA_ARGS__);                                                 \
        status = judd_status_context(JUDD_E_DATA, "%s: byte %lld", (s)->path,                      \
                                     (long long)((s)->at - (s)->start));                           \
        goto done;                                                                                 \
    } while (0)

static judd_status read_varint(scan *s, uint64_t *value) {
    judd_status status = JUDD_OK;
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        if (s->at == s->end)
            SCAN_FAIL(s, "the file ends inside a number; it is cut off or not ONNX");
        if (shift > 63) SCAN_FAIL(s, "a number longer than 64 bits; the file is not ONNX");
        uint8_t byte = *s->at++;
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) break;
    }
    *value = v;
done:
    return status;
}

static judd_status scan_message(scan *s, const ProtobufCMessageDescriptor *type);

static judd_status scan_delimited(scan *s, const ProtobufCFieldDescriptor *field) {
    judd_status status = JUDD_OK;
    uint64_t length = 0;
    JUDD_TRY(read_varint(s, &length));
    if (length > (uint64_t)(s->end - s->at))
        SCAN_FAIL(s, "a field of %llu bytes, but %lld are left; the file is cut off or not ONNX",
                  (unsigned long long)length, (long long)(s->end - s->at));
    const uint8_t *outer = s->end;
    if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
        s->end = s->at + length;
        JUDD_TRY(scan_message(s, field->descriptor));
        s->end = outer;
        goto done;
    }
    if (field && field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_BYTES &&
        (s->packed_bytes += (int64_t)length) > JUDD_WIRE_MAX_PACKED)
        SCAN_FAIL(s, "more than %d bytes of packed numbers; store tensors as raw_data",
                  JUDD_WIRE_MAX_PACKED);
    s->at += length;
done:
    return status;
}

static judd_status skip_fixed(scan *s, ptrdiff_t bytes) {
    judd_status status = JUDD_OK;
    if (s->end - s->at < bytes)
        SCAN_FAIL(s, "the file ends inside a number; it is cut off or not ONNX");
    s->at += bytes;
done:
    return status;
}

/* protobuf-c merges a single message that comes twice: code no exporter exercises. */
static judd_status refuse_twice(scan *s, const ProtobufCMessageDescriptor *type,
                                const ProtobufCFieldDescriptor *field, uint64_t *seen) {
    judd_status status = JUDD_OK;
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE ||
        field->label == PROTOBUF_C_LABEL_REPEATED)
        return JUDD_OK;
    uint64_t bit = UINT64_C(1) << ((field - type->fields) & 63);
    if (*seen & bit) SCAN_FAIL(s, "%s.%s is given twice; export again", type->name, field->name);
    *seen |= bit;
done:
    return status;
}

static bool says_external(const ProtobufCFieldDescriptor *field, uint64_t number) {
    return field && field->descriptor == &onnx__tensor_proto__data_location__descriptor &&
           number == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
}

static judd_status scan_message(scan *s, const ProtobufCMessageDescriptor *type) {
    judd_status status = JUDD_OK;
    uint64_t key = 0, number = 0, seen = 0;
    if (++s->depth > JUDD_WIRE_MAX_DEPTH)
        SCAN_FAIL(s, "messages nested deeper than %d; not a model any exporter writes",
                  JUDD_WIRE_MAX_DEPTH);
    if (++s->n_messages > JUDD_WIRE_MAX_MESSAGES)
        SCAN_FAIL(s, "more than %d messages; simplify the model", JUDD_WIRE_MAX_MESSAGES);
    while (s->at < s->end) {
        JUDD_TRY(read_varint(s, &key));
        if (key >> 3 == 0 || key >> 3 > 0x1fffffff)
            SCAN_FAIL(s, "field number %llu; the file is not ONNX", (unsigned long long)(key >> 3));
        if (++s->n_fields > JUDD_WIRE_MAX_FIELDS)
            SCAN_FAIL(s, "more than %d fields; store tensors as raw_data", JUDD_WIRE_MAX_FIELDS);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, (unsigned)(key >> 3));
        switch (key & 7) {
        case 0:
            JUDD_TRY(read_varint(s, &number));
            s->external = s->external || says_external(field, number);
            break;
        case 1:
            JUDD_TRY(skip_fixed(s, 8));
            break;
        case 2:
            JUDD_TRY(refuse_twice(s, type, field, &seen));
            JUDD_TRY(scan_delimited(s, field));
            break;
        case 5:
            JUDD_TRY(skip_fixed(s, 4));
            break;
        default:
            SCAN_FAIL(s, "wire type %d; the file is not ONNX", (int)(key & 7));
        }
    }
    s->depth--;
done:
    return status;
}

judd_status judd_wire_check(const uint8_t *data, size_t bytes, const char *path, bool *external) {
    scan s = {.start = data, .at = data, .end = data + bytes, .path = path};
    judd_status status = scan_message(&s, &onnx__model_proto__descriptor);
    *external = s.external;
    return status;
}
