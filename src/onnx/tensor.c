#include "onnx/tensor.h"

#include "onnx/model_copy.h"
#include "onnx/model_file.h"
#include "onnx/pass.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What was taken from one external file: tensors that share bytes would let a small file ask for
   any amount of memory. */
typedef struct account {
    dev_t device;
    ino_t inode;
    int64_t used;
} account;

struct judd_tensor_reader {
    const char *path;
    judd_model_copy *copy;
    judd_hash *hash;
    int64_t n_accounts, capacity;
    account *accounts;
};

judd_status judd_tensor_reader_create(judd_tensor_reader **out, const char *path,
                                      judd_model_copy *copy, judd_hash *hash, int64_t max_tensors) {
    judd_status status = JUDD_OK;
    judd_tensor_reader *reader = NULL;
    JUDD_TRY(judd_memory_alloc(&reader, 1, sizeof *reader));
    *reader =
        (judd_tensor_reader){.path = path, .copy = copy, .hash = hash, .capacity = max_tensors};
    JUDD_TRY(judd_memory_alloc(&reader->accounts, max_tensors, sizeof *reader->accounts));
    judd_model_copy_begin(copy);
    *out = reader;
    reader = NULL;
done:
    judd_tensor_reader_destroy(reader);
    return status;
}

void judd_tensor_reader_destroy(judd_tensor_reader *reader) {
    if (!reader) return;
    free(reader->accounts);
    free(reader);
}

static const char *type_name(int32_t type) {
    static const char *const names[] = {"no type",    "float32", "uint8",  "int8",   "uint16",
                                        "int16",      "int32",   "int64",  "string", "bool",
                                        "float16",    "float64", "uint32", "uint64", "complex64",
                                        "complex128", "bfloat16"};
    return type >= 0 && type < (int32_t)(sizeof names / sizeof *names) ? names[type]
                                                                       : "unknown type";
}

/* Bytes of one element in the file; 0: not supported. */
static int64_t element_bytes(int32_t type) {
    switch (type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        return 4;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        return 8;
    case ONNX__TENSOR_PROTO__DATA_TYPE__BOOL:
        return 1;
    default:
        return 0;
    }
}

/* Little-endian bytes of the file -> elements; the machines of CMakeLists are little-endian. */
static void convert_raw(judd_graph_value *value, const uint8_t *raw, int64_t n, int32_t type) {
    int64_t *out = value->data;
    if (type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32)
        for (int64_t i = 0; i < n; i++) {
            int32_t x;
            memcpy(&x, raw + 4 * i, sizeof x);
            out[i] = x;
        }
    else if (type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL)
        for (int64_t i = 0; i < n; i++) out[i] = raw[i] != 0;
    else if (n > 0)
        memcpy(value->data, raw, (size_t)(n * element_bytes(type)));
}

static judd_status parse_number(int64_t *out, const char *key, const char *text) {
    char *end = NULL;
    errno = 0;
    long long x = strtoll(text, &end, 10);
    if (errno || end == text || *end || x < 0)
        return judd_status_set(JUDD_E_DATA, "external data has %s '%.64s'; export again", key,
                               text);
    *out = x;
    return JUDD_OK;
}

static judd_status charge(judd_tensor_reader *reader, int fd, int64_t bytes, int64_t file_bytes) {
    struct stat info;
    int64_t i = 0;
    if (fstat(fd, &info) != 0)
        return judd_status_set(JUDD_E_IO, "external data: %s", strerror(errno));
    while (i < reader->n_accounts &&
           (reader->accounts[i].device != info.st_dev || reader->accounts[i].inode != info.st_ino))
        i++;
    if (i == reader->n_accounts) {
        if (i == reader->capacity)
            return judd_status_set(JUDD_E_DATA, "too many external files; save the model as one");
        reader->accounts[reader->n_accounts++] = (account){info.st_dev, info.st_ino, 0};
    }
    reader->accounts[i].used += bytes;
    if (reader->accounts[i].used > file_bytes)
        return judd_status_set(JUDD_E_DATA, "external tensors overlap; save the model again");
    return JUDD_OK;
}

/* From the file itself, which has to hold it. */
static judd_status read_beside(uint8_t **raw, judd_tensor_reader *reader,
                               const judd_model_place *place) {
    judd_status status = JUDD_OK;
    int64_t file_bytes = 0;
    int fd = -1;
    JUDD_TRY(judd_model_file_open_beside(&fd, &file_bytes, place->model, place->location));
    if (place->offset > file_bytes || place->bytes > file_bytes - place->offset)
        JUDD_FAIL(JUDD_E_DATA,
                  "external data '%s' has %lld bytes, but %lld from %lld are needed; copy the file "
                  "again",
                  place->location, (long long)file_bytes, (long long)place->bytes,
                  (long long)place->offset);
    JUDD_TRY(charge(reader, fd, place->bytes, file_bytes));
    JUDD_TRY(judd_memory_alloc(raw, place->bytes, 1));
    JUDD_TRY(judd_model_file_read_at(fd, *raw, place->bytes, place->offset, place->location));
    JUDD_TRY(judd_model_copy_keep(reader->copy, place, *raw, place->bytes));
done:
    if (fd >= 0) close(fd);
    return status;
}

static judd_status read_external(uint8_t **raw, judd_tensor_reader *reader,
                                 const Onnx__TensorProto *tensor, int64_t bytes) {
    judd_status status = JUDD_OK;
    const char *location = NULL;
    int64_t offset = 0, length = bytes;
    for (size_t i = 0; i < tensor->n_external_data; i++) {
        const char *key = tensor->external_data[i]->key, *text = tensor->external_data[i]->value;
        if (!key || !text)
            JUDD_FAIL(JUDD_E_DATA, "external data without key or value; export again");
        if (strcmp(key, "location") == 0) location = text;
        if (strcmp(key, "offset") == 0) JUDD_TRY(parse_number(&offset, key, text));
        if (strcmp(key, "length") == 0) JUDD_TRY(parse_number(&length, key, text));
    }
    if (!location) JUDD_FAIL(JUDD_E_DATA, "external data without location; export again");
    if (length != bytes)
        JUDD_FAIL(JUDD_E_DATA,
                  "external data of %lld bytes, but the dimensions need %lld; export again",
                  (long long)length, (long long)bytes);
    const judd_model_place place = {reader->path, location, offset, bytes};
    JUDD_TRY(judd_model_copy_find(raw, &length, reader->copy, &place));
    if (!*raw) JUDD_TRY(read_beside(raw, reader, &place));
    judd_hash_add(reader->hash, *raw, (size_t)bytes);
done:
    return status;
}

/* Numbers in the typed fields: float_data, int64_data, or int32_data for int32 and bool. */
static judd_status read_typed(judd_graph_value *value, const Onnx__TensorProto *tensor, int64_t n) {
    judd_status status = JUDD_OK;
    int64_t have = 0;
    switch (tensor->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        have = (int64_t)tensor->n_float_data;
        break;
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        have = (int64_t)tensor->n_int64_data;
        break;
    default:
        have = (int64_t)tensor->n_int32_data;
    }
    if (have != n)
        JUDD_FAIL(JUDD_E_DATA, "%lld numbers, but dimensions %s need %lld; export again",
                  (long long)have, judd_pass_dims(value).text, (long long)n);
    JUDD_TRY(judd_memory_alloc(&value->data, n, judd_pass_width(value->type)));
    if (n > 0 && value->type == JUDD_F32)
        memcpy(value->data, tensor->float_data, (size_t)n * 4);
    else if (n > 0 && tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64)
        memcpy(value->data, tensor->int64_data, (size_t)n * 8);
    else
        for (int64_t i = 0; i < n; i++) ((int64_t *)value->data)[i] = tensor->int32_data[i];
done:
    return status;
}

static judd_status check_finite(const judd_graph_value *value, int64_t n) {
    if (value->type != JUDD_F32) return JUDD_OK;
    const float *x = value->data;
    for (int64_t i = 0; i < n; i++)
        if (isnan(x[i]) || (isinf(x[i]) && n > 1))
            return judd_status_set(JUDD_E_DATA,
                                   "element %lld is %f; the training diverged, use "
                                   "another model",
                                   (long long)i, (double)x[i]);
    return JUDD_OK;
}

judd_status judd_tensor_read(judd_graph_value *value, judd_tensor_reader *reader,
                             const Onnx__TensorProto *tensor) {
    judd_status status = JUDD_OK;
    uint8_t *external = NULL;
    int64_t width = element_bytes(tensor->data_type);
    if (width == 0)
        JUDD_FAIL(JUDD_E_DATA, "%s is not supported; export the model in float32",
                  type_name(tensor->data_type));
    if (tensor->segment) JUDD_FAIL(JUDD_E_DATA, "segments are not supported; export again");
    if (tensor->n_dims > JUDD_GRAPH_MAX_RANK)
        JUDD_FAIL(JUDD_E_DATA, "%zu dimensions, but at most %d are supported", tensor->n_dims,
                  JUDD_GRAPH_MAX_RANK);
    value->type = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT ? JUDD_F32 : JUDD_I64;
    JUDD_TRY(judd_pass_set_dims(value, (int)tensor->n_dims, tensor->dims));
    int64_t n = judd_graph_size(value), bytes = n * width;
    const uint8_t *raw = tensor->raw_data.data;
    if (tensor->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) {
        if (tensor->has_raw_data)
            JUDD_FAIL(JUDD_E_DATA, "both raw and external data; export again");
        JUDD_TRY(read_external(&external, reader, tensor, bytes));
        raw = external;
    } else if (!tensor->has_raw_data) {
        JUDD_TRY(read_typed(value, tensor, n));
        raw = NULL;
    } else if ((uint64_t)bytes != tensor->raw_data.len)
        JUDD_FAIL(JUDD_E_DATA, "raw_data of %zu bytes, but dimensions %s need %lld; export again",
                  tensor->raw_data.len, judd_pass_dims(value).text, (long long)bytes);
    if (!value->data) {
        JUDD_TRY(judd_memory_alloc(&value->data, n, judd_pass_width(value->type)));
        convert_raw(value, raw, n, tensor->data_type);
    }
    JUDD_TRY(check_finite(value, n));
done:
    free(external);
    return status;
}

static void forget_external(Onnx__TensorProto *tensor) {
    for (size_t i = 0; i < tensor->n_external_data; i++)
        onnx__string_string_entry_proto__free_unpacked(tensor->external_data[i], NULL);
    free(tensor->external_data);
    tensor->external_data = NULL;
    tensor->n_external_data = 0;
    tensor->has_data_location = false;
    tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__DEFAULT;
}

/* The bytes of a tensor that lie in another file; NULL: they do not. */
static judd_status read_if_external(uint8_t **raw, int64_t *bytes, judd_tensor_reader *reader,
                                    const Onnx__TensorProto *tensor) {
    judd_status status = JUDD_OK;
    judd_graph_value shape = {.name = NULL};
    *raw = NULL;
    *bytes = 0;
    if (tensor->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL) return JUDD_OK;
    if (tensor->n_dims > JUDD_GRAPH_MAX_RANK || element_bytes(tensor->data_type) == 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: external data of %s in %zu dimensions is not supported",
                  tensor->name, type_name(tensor->data_type), tensor->n_dims);
    JUDD_TRY(judd_pass_set_dims(&shape, (int)tensor->n_dims, tensor->dims));
    *bytes = judd_graph_size(&shape) * element_bytes(tensor->data_type);
    JUDD_TRY(read_external(raw, reader, tensor, *bytes));
done:
    return status;
}

judd_status judd_tensor_skim(int64_t *bytes, judd_tensor_reader *reader,
                             const Onnx__TensorProto *tensor) {
    uint8_t *raw = NULL;
    judd_status status = read_if_external(&raw, bytes, reader, tensor);
    free(raw);
    return status;
}

judd_status judd_tensor_take_in(Onnx__TensorProto *tensor, judd_tensor_reader *reader) {
    judd_status status = JUDD_OK;
    uint8_t *raw = NULL;
    int64_t bytes = 0;
    JUDD_TRY(read_if_external(&raw, &bytes, reader, tensor));
    if (!raw) return JUDD_OK;
    forget_external(tensor);
    tensor->raw_data.data = raw;
    tensor->raw_data.len = (size_t)bytes;
    tensor->has_raw_data = true;
done:
    return status;
}
