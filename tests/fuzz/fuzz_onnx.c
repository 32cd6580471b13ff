/* An ONNX file. */
#include "fuzz/fuzz.h"

#include <judd/onnx/graph.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    const char *const taps[] = {"penultimate"};
    judd_graph_options o = {.batch = 2, .taps = taps, .n_taps = 1, .pool = JUDD_GRAPH_POOL_AVG};
    judd_graph *graph = NULL;
    const char *path = fuzz_file(data, n);
    if (judd_graph_load(&graph, path, &o) == JUDD_OK) {
        fuzz_taken();
        judd_graph_randomize(graph, 1);
    }
    judd_graph_destroy(graph);
    return 0;
}
