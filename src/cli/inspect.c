#include "cli/commands.h"
#include "cli/inspect_dataset.h"
#include "cli/inspect_vectors.h"

#include <judd/base/memory.h>
#include <judd/onnx/describe.h>

#include <stdlib.h>
#include <string.h>

typedef struct request {
    const char *file;
    judd_graph_options graph;
    const char **taps;
    bool operators;
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

static judd_status parse(request *r, int argc, char **argv) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&r->taps, argc, sizeof *r->taps));
    r->graph = (judd_graph_options){.batch = 1, .taps = r->taps};
    for (int i = 1; i < argc; i++) {
        bool tap = strcmp(argv[i], "--tap") == 0, input = strcmp(argv[i], "--input") == 0;
        if ((tap || input) && i + 1 == argc)
            JUDD_FAIL(JUDD_E_USAGE, "inspect: %s needs an argument", argv[i]);
        if (strcmp(argv[i], "--operators") == 0)
            r->operators = true;
        else if (tap)
            r->taps[r->graph.n_taps++] = argv[++i];
        else if (input)
            JUDD_TRY(parse_input(&r->graph, argv[++i]));
        else if (argv[i][0] == '-')
            JUDD_FAIL(JUDD_E_USAGE, "inspect: unknown option %s; see judd inspect --help", argv[i]);
        else if (r->file)
            JUDD_FAIL(JUDD_E_USAGE, "inspect: one file, but %s and %s are given", r->file, argv[i]);
        else
            r->file = argv[i];
    }
    if (!r->file && !r->operators)
        JUDD_FAIL(JUDD_E_USAGE, "inspect: no file; write judd inspect MODEL.onnx");
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

static judd_status inspect_model(const request *r) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    JUDD_TRY(judd_graph_load(&graph, r->file, &r->graph));
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

judd_status judd_command_inspect(const judd_comm *comm, int argc, char **argv,
                                 const volatile sig_atomic_t *stop) {
    if (judd_inspect_is_vectors(argc, argv)) return judd_inspect_vectors(comm, argv[1]);
    if (judd_inspect_is_dataset(argc, argv)) return judd_inspect_dataset(comm, argc, argv);
    judd_status status = JUDD_OK;
    request r = {.file = NULL};
    (void)stop; /* nothing to save */
    JUDD_TRY(judd_comm_agree(comm, parse(&r, argc, argv)));
    if (comm->rank == 0) status = r.operators ? judd_describe_operators(stdout) : inspect_model(&r);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    free(r.taps);
    return status;
}
