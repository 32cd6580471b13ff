#include "cli/commands.h"
#include "cli/inspect_dataset.h"
#include "cli/inspect_vectors.h"

#include <judd/base/memory.h>
#include <judd/data/dataset.h>
#include <judd/job/contents.h>
#include <judd/job/job.h>
#include <judd/onnx/describe.h>
#include <judd/text/vectors.h>

#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *file;
    judd_graph_options graph;
    const char **taps;
    judd_status (*table)(FILE *file); /* instead of a file: what to print; or NULL */
} request;

static judd_status parse_input(judd_graph_options *o, const char *text) {
    char rest = 0;
    if (sscanf(text, "%dx%dx%d%c", &o->channels, &o->height, &o->width, &rest) != 3 ||
        o->channels < 1 || o->height < 1 || o->width < 1)
        return judd_status_set(JUDD_E_USAGE,
                               "inspect: --input %s; write --input CHANNELSxHEIGHTxWIDTH, as "
                               "3x224x224",
                               text);
    return JUDD_OK;
}

static judd_status read_request(request *r, judd_arguments *a) {
    judd_status status = JUDD_OK;
    const char *input = judd_arguments_text(a, "--input", NULL);
    r->file = a->n ? a->operands[0] : NULL;
    if (judd_arguments_has(a, "--operators")) r->table = judd_describe_operators;
    if (judd_arguments_has(a, "--keys")) r->table = judd_job_write_keys;
    if (!r->file && !r->table)
        JUDD_FAIL(JUDD_E_USAGE, "inspect: no file; write judd inspect MODEL.onnx");
    JUDD_TRY(
        judd_memory_alloc(&r->taps, judd_arguments_texts(a, "--tap", NULL) + 1, sizeof *r->taps));
    r->graph = (judd_graph_options){.batch = 1, .taps = r->taps};
    r->graph.n_taps = judd_arguments_texts(a, "--tap", r->taps);
    if (input) JUDD_TRY(parse_input(&r->graph, input));
done:
    return status;
}

static void print_layers(const judd_graph *graph) {
    judd_describe_cost total = {0, 0.0};
    printf("%-22s %-18s %12s %9s  %s\n", "operator", "output", "parameters", "GFLOP", "tap");
    for (int i = 0; i < graph->n_nodes; i++) {
        const judd_graph_value *y = &graph->values[graph->nodes[i].outputs[0]];
        judd_describe_cost cost = judd_describe_node(graph, i);
        total.parameters += cost.parameters;
        total.flop += cost.flop;
        printf("%-22s %-18s %12lld %9.4f  %s\n", graph->nodes[i].op, judd_describe_shape(y).text,
               (long long)cost.parameters, 1e-9 * cost.flop, y->in_file ? y->name : "-");
    }
    printf("%-22s %-18s %12lld %9.4f\n", "sum", "", (long long)total.parameters, 1e-9 * total.flop);
}

/* The guess may fail where the network does not end in a classifier: said, but no error. */
static void print_guess(const request *r) {
    static const char *const penultimate[] = {"penultimate"};
    judd_graph *graph = NULL;
    judd_graph_options o = r->graph;
    o.taps = penultimate;
    o.n_taps = 1;
    if (judd_graph_load(&graph, r->file, &o) == JUDD_OK) {
        const judd_graph_value *y = &graph->values[graph->output];
        printf("penultimate: %s, %s\n", y->name, judd_describe_shape(y).text);
    } else
        printf("penultimate: unknown: %s\n", judd_status_message());
    judd_graph_destroy(graph);
}

/* Why a file that is not called a model was taken for one. */
static judd_status say_what_else(judd_status status, const char *file) {
    const size_t n = strlen(file);
    if (status != JUDD_E_DATA || (n > 5 && strcmp(file + n - 5, ".onnx") == 0)) return status;
    return judd_status_context(status,
                               "%s is no data set, word vectors or file of Judd's that can be told "
                               "by its looks (see --format; judd plan shows a job file), and as a "
                               "model",
                               file);
}

static judd_status inspect_model(const request *r) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    JUDD_TRY(say_what_else(judd_graph_load(&graph, r->file, &r->graph), r->file));
    const judd_graph_value *x = &graph->values[graph->inputs[0]];
    const judd_graph_value *y = &graph->values[graph->output];
    printf("%s\nopset %lld, sha256 %s\ninput %s, %s\n\n", r->file, (long long)graph->opset,
           graph->sha256, x->name, judd_describe_shape(x).text);
    print_layers(graph);
    printf("\n%s: %s, %s\n", r->graph.n_taps ? "features" : "logits", y->name,
           judd_describe_shape(y).text);
    if (r->graph.n_taps == 0) print_guess(r);
done:
    judd_graph_destroy(graph);
    return status;
}

/* Options of one kind of file say nothing of another. The list ends with NULL. */
static judd_status refuse(judd_arguments *a, const char *const *options, const char *what) {
    for (; *options; options++)
        if (judd_arguments_has(a, *options))
            return judd_status_set(JUDD_E_USAGE,
                                   "inspect: %s does not go with %s; see judd inspect --help",
                                   *options, what);
    return JUDD_OK;
}

static const char *const of_models[] = {"--tap", "--input", "--operators", "--keys", NULL};
static const char *const of_data_sets[] = {
    "--sheet",        "--format", "--labels", "--text-column",
    "--label-column", "--task",   "--split",  NULL};

/* What Judd wrote; but packed data sets are data sets, and so is what is said to be one.
 * Collective.
 */
static judd_status is_own(bool *own, const judd_comm *comm, judd_arguments *a) {
    bool said = judd_arguments_has(a, "--sheet") || judd_arguments_has(a, "--format");
    char format[JUDD_DATASET_FORMAT];
    if (comm->rank == 0)
        *own = a->n && !said && judd_contents_recognised(a->operands[0]) &&
               !(judd_dataset_recognised(a->operands[0], format) && strcmp(format, "packed") == 0);
    return judd_comm_broadcast(comm, own, sizeof *own);
}

judd_status judd_command_inspect(const judd_comm *comm, judd_arguments *a,
                                 const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    request r = {.file = NULL};
    bool own = false;
    (void)stop; /* nothing to save */
    if (a->n && judd_vectors_recognised(a->operands[0])) {
        JUDD_TRY(refuse(a, of_models, "word vectors"));
        JUDD_TRY(refuse(a, of_data_sets, "word vectors"));
        return judd_inspect_vectors(comm, a->operands[0]);
    }
    JUDD_TRY(is_own(&own, comm, a));
    if (own) {
        JUDD_TRY(refuse(a, of_models, "a file of Judd's"));
        JUDD_TRY(refuse(a, of_data_sets, "a file of Judd's"));
        if (comm->rank == 0) status = judd_contents_print(stdout, a->operands[0]);
        return judd_comm_broadcast_status(comm, status);
    }
    if (judd_inspect_is_dataset(a)) {
        JUDD_TRY(refuse(a, of_models, "a data set"));
        return judd_inspect_dataset(comm, a);
    }
    JUDD_TRY(refuse(a, of_data_sets, "a model"));
    JUDD_TRY(judd_comm_agree(comm, read_request(&r, a)));
    if (comm->rank == 0) status = r.table ? r.table(stdout) : inspect_model(&r);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(r.taps);
    return status;
}
