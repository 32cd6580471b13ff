/* The ONNX project's own backend tests (Debian: libonnx-testdata), every case:
 *   claimed    all its operators are in our table: must pass, or stand on the reviewed list
 *   unclaimed  must be refused
 * A case passes when all its outputs agree, loaded in at least one of these ways, and none of the
 * ways that load gives other numbers:
 *   computed   every float32 input arrives at run time, all others are constants
 *   image      only the first float32 input arrives at run time
 *   constant   all inputs are constants: the loader itself evaluates
 * Afterwards one integer at a time is made wrong: such a model is refused or runs, nothing else.
 * Both backends run. Tolerances are those of the suite's runner: |got - want| <= 1e-7 + 1e-3
 * |want|.
 *
 * test_conformance [--list] [CASE]: --list prints what the reviewed list would have to be. */
#include "onnx/operators.h"

#include <judd/engine/engine.h>

#include <dirent.h>
#include <math.h>
#include <onnx/onnx.pb-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_TENSORS = 16, MAX_SKIPS = 512, TEXT = 512 };
enum { SKIPPED = 77 };

typedef enum way { COMPUTED, IMAGE, CONSTANT, N_WAYS } way;
typedef enum verdict { PASSED, PARTLY, NOT_LOADED, WRONG, REFUSED, ACCEPTED } verdict;

typedef struct suite {
    char model[64]; /* temporary file */
    char *skips[MAX_SKIPS];
    bool used[MAX_SKIPS];
    int n_skips;
    int count[ACCEPTED + 1], reviewed, by_name, disturbed, bad;
    bool list;
} suite;

typedef struct test_case {
    Onnx__ModelProto *model;
    int n_inputs, n_outputs;
    Onnx__TensorProto *inputs[MAX_TENSORS], *outputs[MAX_TENSORS];
    char reason[TEXT];
} test_case;

static void *whole_file(const char *path, size_t *bytes) {
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    fseek(file, 0, SEEK_END);
    *bytes = (size_t)ftell(file);
    rewind(file);
    void *data = malloc(*bytes + 1);
    if (data && fread(data, 1, *bytes, file) != *bytes) *bytes = 0;
    fclose(file);
    return data;
}

/* ---- tensors ----------------------------------------------------------------------------------
 */

static bool is_integer(int32_t type) {
    return type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__INT32 ||
           type == ONNX__TENSOR_PROTO__DATA_TYPE__BOOL;
}

static int64_t elements(const Onnx__TensorProto *t) {
    int64_t n = 1;
    for (size_t d = 0; d < t->n_dims; d++) n *= t->dims[d];
    return n;
}

static double number(const Onnx__TensorProto *t, int64_t i) {
    bool raw = t->has_raw_data;
    const uint8_t *at = t->raw_data.data;
    float f = 0;
    int32_t k = 0;
    int64_t l = 0;
    switch (t->data_type) {
    case ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT:
        if (raw) memcpy(&f, at + 4 * i, 4);
        return (double)(raw ? f : t->float_data[i]);
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT64:
        if (raw) memcpy(&l, at + 8 * i, 8);
        return (double)(raw ? l : t->int64_data[i]);
    case ONNX__TENSOR_PROTO__DATA_TYPE__INT32:
        if (raw) memcpy(&k, at + 4 * i, 4);
        return (double)(raw ? k : t->int32_data[i]);
    default: /* bool */
        return (double)(raw ? at[i] : t->int32_data[i]);
    }
}

static Onnx__TensorProto *read_tensor(const char *folder, const char *kind, int index) {
    char path[2048];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/test_data_set_0/%s_%d.pb", folder, kind, index);
    void *data = whole_file(path, &bytes);
    Onnx__TensorProto *t = data ? onnx__tensor_proto__unpack(NULL, bytes, data) : NULL;
    free(data);
    return t;
}

/* ---- one way to load a case -------------------------------------------------------------------
 */

static bool arrives(const test_case *c, way w, int input) {
    int first = 0;
    if (w == CONSTANT || c->inputs[input]->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT)
        return false;
    while (c->inputs[first]->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT) first++;
    return w == COMPUTED || input == first;
}

/* Writes the model with the inputs that do not arrive as initialisers. */
static bool write_model(const suite *s, test_case *c, way w) {
    Onnx__GraphProto *g = c->model->graph;
    size_t n = g->n_initializer, bytes;
    Onnx__TensorProto **own = g->initializer, *all[256];
    char *own_names[MAX_TENSORS];
    if (n + MAX_TENSORS > 256) return false;
    for (size_t i = 0; i < n; i++) all[i] = own[i];
    g->initializer = all;
    for (int i = 0; i < c->n_inputs; i++) {
        if (arrives(c, w, i)) continue;
        own_names[i] = c->inputs[i]->name; /* the graph's for a moment */
        c->inputs[i]->name = g->input[i]->name;
        all[g->n_initializer++] = c->inputs[i];
    }
    bytes = onnx__model_proto__get_packed_size(c->model);
    uint8_t *data = malloc(bytes + 1);
    onnx__model_proto__pack(c->model, data);
    g->initializer = own;
    g->n_initializer = n;
    for (int i = 0; i < c->n_inputs; i++)
        if (!arrives(c, w, i)) c->inputs[i]->name = own_names[i];
    FILE *file = fopen(s->model, "wb");
    bool done = file && fwrite(data, 1, bytes, file) == bytes;
    if (file) fclose(file);
    free(data);
    return done;
}

static void explain(const suite *s, test_case *c) {
    const char *message = judd_status_message();
    size_t skip = strlen(s->model);
    if (strncmp(message, s->model, skip) == 0) message += skip + 2;
    snprintf(c->reason, TEXT, "%s", message);
}

static bool close_enough(double got, double want) {
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want);
    return got == want || fabs(got - want) <= 1e-7 + 1e-3 * fabs(want);
}

static bool same(test_case *c, const judd_graph_value *y, const void *data,
                 const Onnx__TensorProto *want, const char *where) {
    bool shape = (size_t)y->rank == want->n_dims;
    for (int d = 0; shape && d < y->rank; d++) shape = y->dims[d] == want->dims[d];
    if (!shape) {
        snprintf(c->reason, TEXT, "%s: %s has another shape", where, y->name);
        return false;
    }
    for (int64_t i = 0, n = elements(want); i < n; i++) {
        double got = y->type == JUDD_F32 ? (double)((const float *)data)[i]
                                         : (double)((const int64_t *)data)[i];
        if (close_enough(got, number(want, i))) continue;
        snprintf(c->reason, TEXT, "%s: %s[%lld] is %g, not %g", where, y->name, (long long)i, got,
                 number(want, i));
        return false;
    }
    return true;
}

static float *floats_of(const Onnx__TensorProto *t) {
    int64_t n = elements(t);
    float *x = malloc((size_t)n * sizeof *x + 1);
    for (int64_t i = 0; i < n; i++) x[i] = (float)number(t, i);
    return x;
}

static verdict run_backend(suite *s, test_case *c, way w, const judd_graph *graph, int output,
                           const char *backend) {
    judd_engine *e = NULL;
    judd_engine_options o = JUDD_ENGINE_DEFAULTS;
    const judd_graph_value *y = &graph->values[graph->output];
    float *in[MAX_TENSORS] = {NULL}, *out = malloc((size_t)judd_graph_size(y) * sizeof *out + 1);
    int n = 0;
    verdict v = NOT_LOADED;
    o.backend = backend;
    if (judd_engine_create(&e, graph, &o) != JUDD_OK) {
        explain(s, c);
        goto done;
    }
    for (int i = 0; i < c->n_inputs; i++)
        if (arrives(c, w, i)) in[n++] = floats_of(c->inputs[i]);
    v = WRONG;
    if (judd_engine_run(e, (const float *const *)in, out) != JUDD_OK)
        explain(s, c);
    else if (same(c, y, out, c->outputs[output], backend))
        v = PASSED;
done:
    for (int i = 0; i < n; i++) free(in[i]);
    free(out);
    judd_engine_destroy(e);
    return v;
}

static verdict try_output(suite *s, test_case *c, way w, int output) {
    judd_graph *graph = NULL;
    const char *name = c->model->graph->output[output]->name;
    judd_graph_options o = {.batch = 0, .taps = &name, .n_taps = 1};
    const Onnx__TensorProto *want = c->outputs[output];
    verdict v = NOT_LOADED;
    if (want->data_type != ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT && !is_integer(want->data_type)) {
        snprintf(c->reason, TEXT, "output %s is of a type that backbones do not have", name);
        return v;
    }
    if (judd_graph_load(&graph, s->model, &o) != JUDD_OK) {
        explain(s, c);
        return v;
    }
    const judd_graph_value *y = &graph->values[graph->output];
    if (y->data) {
        v = same(c, y, y->data, want, "constant") ? PASSED : WRONG;
    } else {
        v = run_backend(s, c, w, graph, output, "reference");
        if (v == PASSED) v = run_backend(s, c, w, graph, output, "onednn");
    }
    judd_graph_destroy(graph);
    return v;
}

/* Outputs that load must be right; all of them: passed, some: partly. */
static verdict try_way(suite *s, test_case *c, way w) {
    int passed = 0;
    char reason[TEXT] = "";
    if (!write_model(s, c, w)) return WRONG;
    for (int i = 0; i < c->n_outputs; i++) {
        verdict v = try_output(s, c, w, i);
        if (v == WRONG) return WRONG;
        passed += v == PASSED;
        if (v != PASSED) memcpy(reason, c->reason, TEXT);
    }
    memcpy(c->reason, reason, TEXT);
    return passed == c->n_outputs ? PASSED : passed ? PARTLY : NOT_LOADED;
}

static verdict run_claimed(suite *s, test_case *c) {
    verdict best = NOT_LOADED;
    char reason[TEXT] = "";
    for (int i = 0; i < c->n_inputs; i++) {
        int32_t type = c->inputs[i]->data_type;
        if (type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT || is_integer(type)) continue;
        snprintf(c->reason, TEXT, "input %d is of a type that backbones do not have", i);
        return NOT_LOADED;
    }
    for (way w = 0; w < N_WAYS; w++) {
        bool any = w == CONSTANT;
        for (int i = 0; i < c->n_inputs; i++) any = any || arrives(c, w, i);
        if (!any) continue; /* the same as constant */
        verdict v = try_way(s, c, w);
        if (v == WRONG) return v;
        if (v < best || !reason[0]) memcpy(reason, c->reason, TEXT); /* of the best, then first */
        if (v < best) best = v;
    }
    memcpy(c->reason, reason, TEXT);
    return best;
}

/* ---- the same with wrong numbers ---------------------------------------------------------------
 */

/* Loads and runs whatever is not refused; the sanitizers see what goes wrong. */
static void load_disturbed(suite *s, test_case *c, way w) {
    const char *name = c->model->graph->output[0]->name;
    judd_graph_options o = {.batch = 0, .taps = &name, .n_taps = 1};
    judd_graph *graph = NULL;
    int64_t largest = 0;
    s->disturbed++;
    if (!write_model(s, c, w) || judd_graph_load(&graph, s->model, &o) != JUDD_OK) return;
    for (int v = 0; v < graph->n_values; v++)
        if (judd_graph_size(&graph->values[v]) > largest)
            largest = judd_graph_size(&graph->values[v]);
    if (!graph->values[graph->output].data && largest < 1000000) {
        float *out = malloc((size_t)judd_graph_size(&graph->values[graph->output]) * 4 + 1);
        float *in[MAX_TENSORS] = {NULL};
        judd_engine *e = NULL;
        judd_engine_options options = JUDD_ENGINE_DEFAULTS;
        options.backend = "reference";
        int n = 0;
        for (int i = 0; i < c->n_inputs; i++)
            if (arrives(c, w, i)) in[n++] = floats_of(c->inputs[i]);
        if (judd_engine_create(&e, graph, &options) == JUDD_OK &&
            judd_engine_run(e, (const float *const *)in, out) != JUDD_OK)
            s->bad++; /* what was made can be run */
        judd_engine_destroy(e);
        while (n > 0) free(in[--n]);
        free(out);
    }
    judd_graph_destroy(graph);
}

static void disturb_number(suite *s, test_case *c, void *at) {
    static const int64_t wrong[] = {-1, 0, 7, INT64_MAX};
    int64_t right;
    memcpy(&right, at, sizeof right);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memcpy(at, &wrong[i], sizeof right);
        load_disturbed(s, c, IMAGE);
        load_disturbed(s, c, CONSTANT);
    }
    memcpy(at, &right, sizeof right);
}

/* Every integer of attributes and the first ones of each list that is an input. */
static void disturb(suite *s, test_case *c) {
    Onnx__GraphProto *g = c->model->graph;
    if (g->n_node > 2) return;
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_attribute; k++) {
            Onnx__AttributeProto *a = g->node[i]->attribute[k];
            if (a->has_i) disturb_number(s, c, &a->i);
            for (size_t j = 0; j < a->n_ints && j < 4; j++) disturb_number(s, c, &a->ints[j]);
        }
    for (int i = 0; i < c->n_inputs; i++) {
        Onnx__TensorProto *t = c->inputs[i];
        bool list = t->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 && t->has_raw_data;
        for (size_t j = 0; list && j < t->raw_data.len / 8 && j < 4; j++)
            disturb_number(s, c, t->raw_data.data + 8 * j);
    }
}

/* ---- cases ------------------------------------------------------------------------------------
 */

/* The first operator without a row in the table. */
static const char *unclaimed(const Onnx__ModelProto *model) {
    int64_t opset = 0;
    for (size_t i = 0; i < model->n_opset_import; i++)
        if (!model->opset_import[i]->domain || !model->opset_import[i]->domain[0])
            opset = model->opset_import[i]->version;
    for (size_t i = 0; i < model->graph->n_node; i++)
        if (!judd_operators_find(model->graph->node[i]->op_type, opset))
            return model->graph->node[i]->op_type;
    return NULL;
}

/* Must not load; where inputs are tensors, the message names the operator. */
static verdict run_unclaimed(suite *s, test_case *c, const char *op) {
    judd_graph *graph = NULL;
    judd_graph_options o = {.batch = 0};
    verdict v = ACCEPTED;
    if (!write_model(s, c, CONSTANT)) return ACCEPTED;
    for (size_t i = 0; i < c->model->graph->n_output && v != REFUSED; i++) {
        const char *name = c->model->graph->output[i]->name;
        o.taps = &name;
        o.n_taps = 1;
        if (judd_graph_load(&graph, s->model, &o) != JUDD_OK) v = REFUSED;
        judd_graph_destroy(graph);
        graph = NULL;
    }
    explain(s, c);
    if (v == REFUSED && strstr(judd_status_message(), op)) s->by_name++;
    return v;
}

static bool read_case(test_case *c, const char *folder) {
    char path[2048];
    size_t bytes = 0;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    void *data = whole_file(path, &bytes);
    if (!data) return false;
    c->model = onnx__model_proto__unpack(NULL, bytes, data);
    free(data);
    if (!c->model || !c->model->graph) return false;
    while (c->n_inputs < MAX_TENSORS && c->n_inputs < (int)c->model->graph->n_input &&
           (c->inputs[c->n_inputs] = read_tensor(folder, "input", c->n_inputs)))
        c->n_inputs++;
    while (c->n_outputs < MAX_TENSORS && c->n_outputs < (int)c->model->graph->n_output &&
           (c->outputs[c->n_outputs] = read_tensor(folder, "output", c->n_outputs)))
        c->n_outputs++;
    return true;
}

static void free_case(test_case *c) {
    for (int i = 0; i < c->n_inputs; i++) onnx__tensor_proto__free_unpacked(c->inputs[i], NULL);
    for (int i = 0; i < c->n_outputs; i++) onnx__tensor_proto__free_unpacked(c->outputs[i], NULL);
    if (c->model) onnx__model_proto__free_unpacked(c->model, NULL);
}

/* The row of the reviewed list, or -1. */
static int find_skip(const suite *s, const char *name) {
    size_t n = strlen(name);
    for (int i = 0; i < s->n_skips; i++)
        if (strncmp(s->skips[i], name, n) == 0 && s->skips[i][n] == '\t') return i;
    return -1;
}

static void run_case(suite *s, const char *root, const char *kind, const char *test) {
    char folder[1600], name[512];
    test_case c = {0};
    snprintf(folder, sizeof folder, "%s/%s/%s", root, kind, test);
    snprintf(name, sizeof name, "%s/%s", kind, test);
    if (!read_case(&c, folder)) {
        free_case(&c);
        return;
    }
    const char *op = unclaimed(c.model);
    verdict v = op ? run_unclaimed(s, &c, op) : run_claimed(s, &c);
    int skip = find_skip(s, name);
    if (!op && v != WRONG) disturb(s, &c);
    s->count[v]++;
    if (s->list && (v == PARTLY || v == NOT_LOADED)) printf("%s\t%s\n", name, c.reason);
    if ((v == PARTLY || v == NOT_LOADED) && skip >= 0) {
        s->used[skip] = true;
        s->reviewed++;
    } else if (v == WRONG || v == ACCEPTED || v == PARTLY || v == NOT_LOADED) {
        s->bad++;
        if (!s->list || v == WRONG || v == ACCEPTED)
            printf("%s: %s: %s\n",
                   v == WRONG      ? "FAILED"
                   : v == ACCEPTED ? "NOT REFUSED"
                                   : "NOT ON THE REVIEWED LIST",
                   name, v == ACCEPTED ? op : c.reason);
    }
    free_case(&c);
}

static void read_skips(suite *s, const char *path) {
    static char line[1024];
    FILE *file = fopen(path, "r");
    while (file && s->n_skips < MAX_SKIPS && fgets(line, sizeof line, file))
        if (line[0] != '#' && strchr(line, '\t')) s->skips[s->n_skips++] = strdup(line);
    if (file) fclose(file);
}

static const char *reason_of(const suite *s, int skip) {
    return strchr(s->skips[skip], '\t') + 1;
}

/* How often each reason of the reviewed list was used. */
static void print_reasons(const suite *s) {
    for (int i = 0; i < s->n_skips; i++) {
        int n = 0, first = i;
        for (int k = s->n_skips - 1; k >= 0; k--)
            if (s->used[k] && strcmp(reason_of(s, k), reason_of(s, i)) == 0) {
                n++;
                first = k;
            }
        if (s->used[i] && first == i) printf("    %3d skipped: %s", n, reason_of(s, i));
    }
}

static int summary(suite *s, bool all) {
    int claimed = judd_operators_count();
    for (int i = 0; all && i < s->n_skips; i++)
        if (!s->used[i]) {
            printf("ON THE REVIEWED LIST, BUT PASSED OR GONE: %s", s->skips[i]);
            s->bad++;
        }
    printf("%d operators claimed; of their cases %d passed, %d failed, %d skipped (%d in part), "
           "all but %d reviewed\n",
           claimed, s->count[PASSED], s->count[WRONG], s->count[NOT_LOADED] + s->count[PARTLY],
           s->count[PARTLY], s->count[NOT_LOADED] + s->count[PARTLY] - s->reviewed);
    print_reasons(s);
    printf("%d cases with other operators: %d refused (%d by name), %d accepted\n",
           s->count[REFUSED] + s->count[ACCEPTED], s->count[REFUSED], s->by_name,
           s->count[ACCEPTED]);
    printf("%d models with a wrong number were refused or ran\n", s->disturbed);
    for (int i = 0; i < s->n_skips; i++) free(s->skips[i]);
    if (all && s->count[PASSED] < 300) {
        printf("FAILED: the suite is not complete\n");
        s->bad++;
    }
    return s->bad > 0;
}

int main(int argc, char **argv) {
    static const char *const kinds[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
    static suite s;
    const char *root = getenv("ONNX_TESTDATA"), *source = getenv("JUDD_SOURCE"), *only = NULL;
    char path[2048];
    if (!root) root = "/usr/share/libonnx-testdata/data";
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--list") == 0)
            s.list = true;
        else
            only = argv[i];
    snprintf(path, sizeof path, "%s/tests/engine/conformance-skips.tsv", source ? source : ".");
    read_skips(&s, path);
    snprintf(s.model, sizeof s.model, "conformance-%d.onnx", (int)getpid());
    for (int k = 0; k < 4; k++) {
        struct dirent **tests = NULL;
        snprintf(path, sizeof path, "%s/%s", root, kinds[k]);
        int n = scandir(path, &tests, NULL, alphasort);
        if (n < 0) {
            printf("skipped: no %s; install libonnx-testdata\n", path);
            return SKIPPED;
        }
        for (int i = 0; i < n; i++) {
            if (tests[i]->d_name[0] != '.' && (!only || strcmp(only, tests[i]->d_name) == 0))
                run_case(&s, root, kinds[k], tests[i]->d_name);
            free(tests[i]);
        }
        free(tests);
    }
    unlink(s.model);
    return summary(&s, !only && !s.list);
}
