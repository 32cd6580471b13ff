/* Files that lie: every one is refused with a message that names the file, none crashes or makes
   the program take memory. Run under AddressSanitizer these tests prove most. */
#include "onnx/model.h"

#include <judd/onnx/graph.h>

#include <math.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define INTS(...) ((int64_t[]){__VA_ARGS__})

static char folder[64], path[128];

static int set_up(void **state) {
    (void)state;
    snprintf(path, sizeof path, "%s/model.onnx", model_folder(folder));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder);
}

static judd_status try_load(const char *file) {
    judd_graph *graph = NULL;
    judd_graph_options options = {.batch = 2};
    judd_status status = judd_graph_load(&graph, file, &options);
    assert_true((status == JUDD_OK) == (graph != NULL));
    judd_graph_destroy(graph);
    return status;
}

static void refuse_file(judd_status code, const char *file, const char *fact) {
    judd_status status = try_load(file);
    if (status != code || !strstr(judd_status_message(), fact) ||
        strncmp(judd_status_message(), file, strlen(file)) != 0)
        fail_msg("status %d, message '%s', expected '%s'", status, judd_status_message(), fact);
}

static void refuse(Onnx__ModelProto *model, const char *fact) {
    model_write(path, model);
    refuse_file(JUDD_E_DATA, path, fact);
}

/* image -> Conv(w, b) -> Relu -> y, with a Constant and attributes of several kinds. */
static Onnx__ModelProto *base(void) {
    Onnx__ModelProto *m = model_new(13);
    model_input(m, "image", -1, 2, 4, 4);
    model_weight(m, "w", 4, INTS(3, 2, 1, 1));
    model_weight(m, "b", 1, INTS(3));
    Onnx__NodeProto *conv = model_node(m, "Conv", "conv", "image,w,b", "c");
    model_ints(conv, "kernel_shape", 2, INTS(1, 1));
    model_string(conv, "auto_pad", "NOTSET");
    model_list(m, "target", 2, INTS(0, -1));
    Onnx__AttributeProto *value =
        model_attribute(model_node(m, "Constant", "constant", "", "half"), "value",
                        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR);
    value->t = model_tensor("", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, 0, NULL, &(float){0.5f}, 4);
    model_node(m, "Mul", "mul", "c,half", "m");
    model_float(model_node(m, "LeakyRelu", "leaky", "m", "l"), "alpha", 0.1f);
    model_node(m, "Reshape", "reshape", "l,target", "y");
    model_output(m, "y");
    return m;
}

static void test_base_is_sound(void **state) {
    (void)state;
    model_write(path, base());
    assert_int_equal(try_load(path), JUDD_OK);
}

static void test_not_a_model(void **state) {
    (void)state;
    model_write_bytes(path, "", 0);
    refuse_file(JUDD_E_DATA, path, "empty");
    model_write_bytes(path, "a text file\n", 12);
    refuse_file(JUDD_E_DATA, path, "not ONNX");
    refuse_file(JUDD_E_DATA, folder, "not a regular file");
    refuse_file(JUDD_E_IO, "no-such-folder/model.onnx", "No such file");
    refuse_file(JUDD_E_DATA, "/dev/zero", "not a regular file");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    refuse_file(JUDD_E_DATA, path, "not a regular file");
    unlink(path);
    model_write_bytes(path, "\x0b\x0c", 2);
    refuse_file(JUDD_E_DATA, path, "wire type 3");
    model_write_bytes(path, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12);
    refuse_file(JUDD_E_DATA, path, "longer than 64 bits");
    model_write_bytes(path, "\x3a\x00\x3a\x00", 4);
    refuse_file(JUDD_E_DATA, path, "given twice");
    model_write_bytes(path, "\x08\x07", 2);
    refuse_file(JUDD_E_DATA, path, "no graph");
}

/* Graphs in attributes in nodes in graphs ... : 34 kB that make protobuf-c 1.4.1 overrun its stack.
 */
static void test_depth(void **state) {
    (void)state;
    enum { DEPTH = 10000, ROOM = 80000 };
    uint8_t *data = malloc(ROOM), *at = data + ROOM;
    assert_non_null(data);
    static const uint8_t keys[3] = {0x32, 0x2a, 0x0a}; /* attribute.g, node.attribute, graph.node */
    for (int level = 0; level < DEPTH; level++) {
        size_t length = (size_t)(data + ROOM - at);
        uint8_t head[4] = {level == DEPTH - 1 ? 0x3a
                                              : keys[level % 3]}; /* outermost: model.graph */
        int n = 1;
        for (size_t rest = length;; rest >>= 7) {
            head[n++] = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
            if (rest <= 0x7f) break;
        }
        at -= n;
        memcpy(at, head, (size_t)n);
    }
    model_write_bytes(path, at, (size_t)(data + ROOM - at));
    free(data);
    refuse_file(JUDD_E_DATA, path, "nested deeper than 64");
}

/* No prefix crashes; those that load are whole but for fields that protobuf may leave out. */
static void test_truncation(void **state) {
    (void)state;
    Onnx__ModelProto *m = base();
    size_t bytes = 0, loaded = 0;
    uint8_t *data = model_pack(&bytes, m);
    onnx__model_proto__free_unpacked(m, NULL);
    for (size_t n = 1; n < bytes; n++) {
        model_write_bytes(path, data, n);
        judd_status status = try_load(path);
        assert_true(status == JUDD_OK || status == JUDD_E_DATA);
        loaded += status == JUDD_OK;
    }
    free(data);
    assert_true(loaded == 0);
}

static uint64_t next_random(uint64_t *s) { /* xorshift64: Marsaglia 2003 */
    *s ^= *s << 13;
    *s ^= *s >> 7;
    return *s ^= *s << 17;
}

static void test_bit_flips(void **state) {
    (void)state;
    enum { TRIALS = 4000 };
    Onnx__ModelProto *m = base();
    size_t bytes = 0;
    uint8_t *data = model_pack(&bytes, m), *flipped = malloc(bytes);
    uint64_t random = 88172645463325252u;
    int refused = 0;
    assert_non_null(flipped);
    onnx__model_proto__free_unpacked(m, NULL);
    for (int trial = 0; trial < TRIALS; trial++) {
        memcpy(flipped, data, bytes);
        for (uint64_t k = next_random(&random) % 3 + 1; k > 0; k--) {
            uint64_t bit = next_random(&random) % (8 * bytes);
            flipped[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        model_write_bytes(path, flipped, bytes);
        judd_status status = try_load(path);
        assert_true(status == JUDD_OK || status == JUDD_E_DATA || status == JUDD_E_IO);
        refused += status != JUDD_OK;
    }
    free(data);
    free(flipped);
    assert_true(refused > TRIALS / 3); /* the rest changed weights or names consistently */
}

static void test_graph_faults(void **state) {
    (void)state;
    Onnx__ModelProto *m = base();
    model_node(m, "Relu", "again", "c", "l");
    refuse(m, "tensor l is defined twice");
    m = base();
    model_weight(m, "w", 1, INTS(1));
    refuse(m, "tensor w is defined twice");
    m = base();
    model_node(m, "Relu", "lost", "nowhere", "z");
    refuse(m, "node lost (Relu): input nowhere");
    m = base();
    model_node(m, "Add", "one", "c,q", "p");
    model_node(m, "Add", "two", "c,p", "q");
    refuse(m, "cycle");
    m = base();
    model_input(m, "other", 1, 2, 4, 4);
    refuse(m, "inputs image and other");
    m = base();
    free(m->graph->output[0]->name);
    m->graph->output[0]->name = strdup("unknown");
    refuse(m, "output unknown is computed by no node");
    m = base();
    m->opset_import[0]->version = 20;
    refuse(m, "opset 20, but 6 to 17");
    m = base();
    m->graph->node[0]->domain = strdup("com.example");
    refuse(m, "node conv (Conv): operators of the domain com.example");
    m = base();
    Onnx__AttributeProto *body =
        model_attribute(model_node(m, "If", "branch", "c", "z"), "then_branch",
                        ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
    MODEL_NEW(graph, Onnx__GraphProto, ONNX__GRAPH_PROTO__INIT);
    body->g = graph;
    refuse(m, "node branch (If): control flow");
    m = base();
    MODEL_NEW(function, Onnx__FunctionProto, ONNX__FUNCTION_PROTO__INIT);
    MODEL_APPEND(m, functions, function);
    refuse(m, "functions");
    m = base();
    model_float(m->graph->node[0], "group", 1.0f);
    refuse(m, "node conv (Conv): attribute group has a wrong type");
    m = base();
    model_int(m->graph->node[0], "group", 1);
    model_int(m->graph->node[0], "group", 2);
    refuse(m, "attribute group is given twice");
}

static void test_windows(void **state) {
    (void)state;
    static const struct {
        const char *name, *fact;
        int64_t values[4];
        int n;
    } cases[] = {{"pads", "pads holds -1", {-1, 0, 0, 0}, 4},
                 {"pads", "pads has 2 numbers", {1, 1}, 2},
                 {"strides", "strides holds 0", {0, 1}, 2},
                 {"dilations", "dilations holds 4611686018427387904", {INT64_C(1) << 62, 1}, 2},
                 {"strides", "strides holds -9223372036854775808", {INT64_MIN, 1}, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__ModelProto *m = base();
        model_ints(m->graph->node[0], cases[i].name, cases[i].n, cases[i].values);
        refuse(m, cases[i].fact);
    }
    Onnx__ModelProto *m = base();
    m->graph->node[0]->attribute[0]->ints[0] = 3;
    refuse(m, "node conv (Conv): weights w of [3, 2, 1, 1] do not fit");
    m = base();
    model_int(m->graph->node[0], "group", 2);
    refuse(m, "in 2 groups");
    m = base();
    model_ints(model_node(m, "MaxPool", "pool", "c", "z"), "kernel_shape", 2, INTS(5, 5));
    free(m->graph->output[0]->name);
    m->graph->output[0]->name = strdup("z");
    refuse(m, "node pool (MaxPool): a window of 5 does not fit 4");
}

/* A weight of the given dims and type whose raw data has `bytes` bytes. */
static void refuse_tensor(int32_t type, int rank, const int64_t *dims, size_t bytes,
                          const char *fact) {
    Onnx__ModelProto *m = base();
    char *zeros = calloc(bytes + 1, 1);
    assert_non_null(zeros);
    MODEL_APPEND(m->graph, initializer, model_tensor("t", type, rank, dims, zeros, bytes));
    free(zeros);
    refuse(m, fact);
    assert_non_null(strstr(judd_status_message(), "weight t"));
}

static void test_tensors(void **state) {
    (void)state;
    enum { F32 = 1, I64 = 7, F16 = 10, F64 = 11, I8 = 3, STRING = 8 };
    refuse_tensor(F32, 1, INTS(4), 15, "raw_data of 15 bytes");
    refuse_tensor(F32, 1, INTS(4), 0, "raw_data of 0 bytes");
    refuse_tensor(F32, 1, INTS(-1), 4, "dimension 0 is -1");
    refuse_tensor(F32, 2, INTS(INT64_C(1) << 32, INT64_C(1) << 32), 4, "product of the dimensions");
    refuse_tensor(F32, 2, INTS(INT64_MAX, 2), 4, "product of the dimensions");
    refuse_tensor(F32, 3, INTS(0, INT64_MAX, INT64_MAX), 0, "product of the dimensions");
    refuse_tensor(I64, 1, INTS(INT64_C(1) << 33), 8, "raw_data of 8 bytes");
    refuse_tensor(F32, 9, INTS(1, 1, 1, 1, 1, 1, 1, 1, 1), 4, "9 dimensions");
    refuse_tensor(F16, 1, INTS(2), 4, "float16 is not supported");
    refuse_tensor(F64, 1, INTS(2), 16, "float64 is not supported");
    refuse_tensor(I8, 1, INTS(2), 2, "int8 is not supported");
    refuse_tensor(STRING, 1, INTS(2), 2, "string is not supported");
    refuse_tensor(-5, 1, INTS(2), 2, "unknown type");
    Onnx__ModelProto *m = base();
    ((float *)m->graph->initializer[0]->raw_data.data)[2] = NAN;
    refuse(m, "weight w: element 2 is nan");
    m = base();
    ((float *)m->graph->initializer[0]->raw_data.data)[3] = INFINITY;
    refuse(m, "weight w: element 3 is inf");
    m = base();
    m->graph->initializer[0]->has_raw_data = 0;
    refuse(m, "weight w: 0 numbers");
}

/* 1 kB of file that asks for 64 GiB of constants. */
static void test_folding_bomb(void **state) {
    (void)state;
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    for (int kind = 0; kind < 2; kind++) {
        Onnx__ModelProto *m = base();
        model_list(m, "big", 2, INTS(1 << 17, 1 << 17));
        if (kind == 0)
            model_node(m, "ConstantOfShape", "bomb", "big", "z");
        else
            model_node(m, "Expand", "bomb", "half,big", "z");
        model_node(m, "Add", "use", "y,z", "out");
        free(m->graph->output[0]->name);
        m->graph->output[0]->name = strdup("out");
        refuse(m, "computed constants take too much memory");
    }
    getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 300 << 10); /* KiB */
}

static void test_integer_traps(void **state) {
    (void)state;
    static const struct {
        const char *op;
        int64_t a, b;
    } cases[] = {{"Div", 1, 0},
                 {"Div", INT64_MIN, -1},
                 {"Mul", INT64_MAX, 2},
                 {"Add", INT64_MAX, 1},
                 {"Sub", INT64_MIN, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Onnx__ModelProto *m = base();
        model_list(m, "p", 1, &cases[i].a);
        model_list(m, "q", 1, &cases[i].b);
        model_node(m, cases[i].op, "trap", "p,q", "r");
        model_node(m, "Reshape", "use", "y,r", "out");
        free(m->graph->output[0]->name);
        m->graph->output[0]->name = strdup("out");
        refuse(m, "integer overflow or division by zero");
    }
}

static void external_entry(Onnx__TensorProto *tensor, const char *key, const char *value) {
    MODEL_NEW(entry, Onnx__StringStringEntryProto, ONNX__STRING_STRING_ENTRY_PROTO__INIT);
    entry->key = strdup(key);
    entry->value = strdup(value);
    MODEL_APPEND(tensor, external_data, entry);
}

static Onnx__ModelProto *external(const char *location, const char *offset, const char *length) {
    Onnx__ModelProto *m = base();
    Onnx__TensorProto *w = m->graph->initializer[0]; /* 6 numbers */
    w->has_raw_data = 0;
    free(w->raw_data.data);
    w->raw_data.data = NULL;
    w->has_data_location = 1;
    w->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
    external_entry(w, "location", location);
    if (offset) external_entry(w, "offset", offset);
    if (length) external_entry(w, "length", length);
    return m;
}

static void load_external(char sha256[JUDD_SHA256_HEX], const float *data, size_t bytes) {
    char file[160];
    judd_graph *graph = NULL;
    judd_graph_options options = {.batch = 2};
    snprintf(file, sizeof file, "%s/weights.bin", folder);
    model_write_bytes(file, data, bytes);
    model_write(path, external("weights.bin", "4", "24"));
    if (judd_graph_load(&graph, path, &options) != JUDD_OK) fail_msg("%s", judd_status_message());
    for (int v = 0; v < graph->n_values; v++)
        if (strcmp(graph->values[v].name, "w") == 0)
            assert_memory_equal(graph->values[v].data, data + 1, 24);
    memcpy(sha256, graph->sha256, JUDD_SHA256_HEX);
    judd_graph_destroy(graph);
}

/* Model and external data become others between identity and network: the network is of the bytes
 * that were identified. Without room for a copy it is of the new ones, and its hash says so. */
static void test_copy(void **state) {
    (void)state;
    const float data[8] = {9, 1, 2, 3, 4, 5, 6, 7}, other[8] = {0};
    for (int room = 0; room < 2; room++) {
        char name[160], sha256[JUDD_SHA256_HEX];
        int64_t bytes = 0;
        judd_model_copy *copy = NULL;
        judd_graph *graph = NULL;
        snprintf(name, sizeof name, "%s/weights.bin", folder);
        model_write_bytes(name, data, sizeof data);
        model_write(path, external("weights.bin", "4", "24"));
        if (!room) setenv("TMPDIR", "/proc", 1);
        assert_int_equal(judd_model_copy_create(&copy), JUDD_OK);
        assert_int_equal(judd_graph_identify(sha256, &bytes, path, copy), JUDD_OK);
        unsetenv("TMPDIR");
        model_write_bytes(name, other, sizeof other);
        if (room) unlink(path);
        for (int again = 0; again < 2; again++) {
            judd_graph_options options = {.batch = 2, .copy = copy};
            if (judd_graph_load(&graph, path, &options) != JUDD_OK)
                fail_msg("%s", judd_status_message());
            assert_int_equal(strcmp(graph->sha256, sha256) == 0, room);
            for (int v = 0; v < graph->n_values; v++)
                if (strcmp(graph->values[v].name, "w") == 0)
                    assert_memory_equal(graph->values[v].data, room ? data + 1 : other, 24);
            judd_graph_destroy(graph);
        }
        judd_model_copy_destroy(copy);
    }
}

/* As without a copy, tensors must not share bytes. */
static void test_copy_overlap(void) {
    char sha256[JUDD_SHA256_HEX];
    int64_t bytes = 0;
    judd_model_copy *copy = NULL;
    assert_int_equal(judd_model_copy_create(&copy), JUDD_OK);
    assert_int_equal(judd_graph_identify(sha256, &bytes, path, copy), JUDD_E_DATA);
    assert_non_null(strstr(judd_status_message(), "external tensors overlap"));
    judd_model_copy_destroy(copy);
}

static void test_external_data(void **state) {
    (void)state;
    char name[160], other[160], first[JUDD_SHA256_HEX], second[JUDD_SHA256_HEX];
    float data[8] = {9, 1, 2, 3, 4, 5, 6, 7};
    load_external(first, data, sizeof data);
    data[6] = 60;
    load_external(second, data, sizeof data);
    assert_string_not_equal(first, second);
    snprintf(name, sizeof name, "%s/weights.bin", folder);
    refuse(external("weights.bin", "12", NULL),
           "has 32 bytes, but 24 from 12 are needed; copy the file again");
    refuse(external("weights.bin", "9223372036854775807", NULL), "has 32 bytes");
    refuse(external("weights.bin", "-4", NULL), "offset '-4'");
    refuse(external("weights.bin", "4x", NULL), "offset '4x'");
    refuse(external("weights.bin", "0", "20"), "external data of 20 bytes");
    refuse(external("../model.onnx", NULL, NULL), "not a path below");
    refuse(external("a/../../model.onnx", NULL, NULL), "not a path below");
    refuse(external("/etc/passwd", NULL, NULL), "not a path below");
    refuse(external("", NULL, NULL), "not a path below");
    model_write(path, external("absent.bin", NULL, NULL));
    refuse_file(JUDD_E_IO, path, "No such file");
    snprintf(other, sizeof other, "%s/link.bin", folder);
    assert_int_equal(symlink("weights.bin", other), 0);
    refuse(external("link.bin", NULL, NULL), "symbolic link");
    unlink(other);
    assert_int_equal(symlink(".", other), 0); /* a folder on the way */
    refuse(external("link.bin/weights.bin", NULL, NULL), "symbolic link");
    unlink(other);
    assert_int_equal(link(name, other), 0);
    refuse(external("link.bin", NULL, NULL), "hard link");
    unlink(other);
    assert_int_equal(mkfifo(other, 0600), 0);
    refuse(external("link.bin", NULL, NULL),
           "external data 'link.bin': not a regular file; put the file with the weights there");
    unlink(other);
    Onnx__ModelProto *m = external("weights.bin", NULL, NULL);
    Onnx__ModelProto *twin = external("weights.bin", NULL, NULL);
    MODEL_APPEND(m->graph, initializer, twin->graph->initializer[0]);
    twin->graph->initializer[0] = model_tensor("u", 1, 0, NULL, "abcd", 4);
    free(m->graph->initializer[3]->name);
    m->graph->initializer[3]->name = strdup("overlapping");
    onnx__model_proto__free_unpacked(twin, NULL);
    refuse(m, "external tensors overlap");
    test_copy_overlap();
    unlink(name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_is_sound), cmocka_unit_test(test_not_a_model),
        cmocka_unit_test(test_depth),         cmocka_unit_test(test_truncation),
        cmocka_unit_test(test_bit_flips),     cmocka_unit_test(test_graph_faults),
        cmocka_unit_test(test_windows),       cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_folding_bomb),  cmocka_unit_test(test_integer_traps),
        cmocka_unit_test(test_copy),          cmocka_unit_test(test_external_data),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
