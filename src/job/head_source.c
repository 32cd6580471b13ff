/* The network's own classifier: its outputs for the classes of the task, not trained. */
#include "job/head.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/learn/row_stream.h>

#include <stdlib.h>
#include <string.h>

enum { MOST_NAME_BYTES = 1 << 24 };

typedef struct source_head {
    const judd_head_problem *p;
    int64_t *output; /* [n_outputs]: column of the features for each class */
} source_head;

static void destroy(void *head) {
    source_head *h = head;
    if (!h) return;
    free(h->output);
    free(h);
}

/* Length of a name: up to a tab or the end of its line. */
static size_t name_length(const char *line) {
    return strcspn(line, "\t\r\n");
}

/* The line that is `name`; -1: none; -2: several. */
static int64_t find_line(const char *text, const char *name) {
    int64_t found = -1, line = 0;
    size_t n = strlen(name);
    for (const char *c = text; *c; line++) {
        bool same = name_length(c) == n && memcmp(c, name, n) == 0;
        if (same && found >= 0) return -2;
        if (same) found = line;
        c += strcspn(c, "\n");
        c += *c == '\n';
    }
    return found;
}

static judd_status map_by_name(source_head *h) {
    judd_status status = JUDD_OK;
    const judd_head_problem *p = h->p;
    const char *path = p->config->output_names;
    char *text = NULL;
    int64_t bytes = 0, n_lines = 0;
    JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, MOST_NAME_BYTES));
    for (const char *c = text; *c; n_lines++) {
        c += strcspn(c, "\n");
        c += *c == '\n';
    }
    if (n_lines != p->n_features)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld names, but the network has %lld outputs", path,
                  (long long)n_lines, (long long)p->n_features);
    for (int c = 0; c < p->n_outputs; c++) {
        h->output[c] = find_line(text, p->class_names[c]);
        if (h->output[c] < 0)
            JUDD_FAIL(JUDD_E_DATA, "%s: %s output is called \"%s\" as a class is; give class_map",
                      path, h->output[c] == -1 ? "no" : "more than one", p->class_names[c]);
    }
done:
    free(text);
    return status;
}

static judd_status map_by_number(source_head *h) {
    const judd_head_problem *p = h->p;
    const judd_job_integers *map = &p->config->class_map;
    if (map->n > 0 && map->n != p->n_outputs)
        return judd_status_set(JUDD_E_CONFIG,
                               "class_map has %lld values, but the task %d classes; give one each",
                               (long long)map->n, p->n_outputs);
    if (map->n == 0 && p->n_features != p->n_file_classes)
        return judd_status_set(JUDD_E_DATA,
                               "the network has %lld outputs, but the files %d classes; give "
                               "output_names or class_map",
                               (long long)p->n_features, p->n_file_classes);
    for (int c = 0; c < p->n_outputs; c++) {
        h->output[c] = map->n > 0 ? map->values[c] : p->classes[c];
        if (h->output[c] >= p->n_features)
            return judd_status_set(JUDD_E_CONFIG,
                                   "class_map holds %lld, but the network has %lld outputs",
                                   (long long)h->output[c], (long long)p->n_features);
    }
    return JUDD_OK;
}

static judd_status make(source_head **out, const judd_head_problem *p) {
    judd_status status = JUDD_OK;
    source_head *h = NULL;
    JUDD_TRY(judd_memory_alloc(&h, 1, sizeof *h));
    h->p = p;
    JUDD_TRY(judd_memory_alloc(&h->output, p->n_outputs, sizeof *h->output));
    JUDD_TRY(judd_status_context(p->config->output_names ? map_by_name(h) : map_by_number(h),
                                 "head %s", p->config->name));
    *out = h;
    h = NULL;
done:
    destroy(h);
    return status;
}

static judd_status create(void **head, const judd_head_problem *p) {
    source_head *h = NULL;
    judd_status status = judd_comm_agree(p->comm, make(&h, p));
    if (status == JUDD_OK)
        *head = h;
    else
        destroy(h);
    return status;
}

static judd_status train(void *head) {
    (void)head;
    return JUDD_OK;
}

static judd_status pick_outputs(const source_head *h, const judd_rows *rows,
                                const judd_outputs_sink *sink) {
    judd_status status = JUDD_OK;
    const int64_t n = judd_lanes_count(&rows->lanes), n_outputs = h->p->n_outputs;
    enum { BLOCK_ROWS = 256 };
    judd_row_stream *stream = NULL;
    judd_row_block b;
    float *score = NULL;
    JUDD_TRY(judd_memory_alloc(&score, n * n_outputs, sizeof *score));
    JUDD_TRY(judd_row_stream_all(&stream, rows, BLOCK_ROWS));
    for (;;) {
        JUDD_TRY(judd_row_stream_next(stream, &b));
        if (b.n == 0) break;
        for (int64_t i = 0; i < b.n; i++)
            for (int64_t c = 0; c < n_outputs; c++)
                score[(b.first + i) * n_outputs + c] = b.x[i * rows->dim + h->output[c]];
    }
    JUDD_TRY(judd_outputs_give(sink, 0, score, h->p->n_outputs, &rows->lanes));
done:
    judd_row_stream_close(stream);
    free(score);
    return status;
}

static judd_status scores(void *head, int64_t first, int64_t n_points, const judd_rows *rows,
                          const judd_outputs_sink *sink) {
    const source_head *h = head;
    (void)first, (void)n_points;
    return judd_comm_agree(h->p->comm, pick_outputs(h, rows, sink));
}

static void record(json_t *hyper, const void *head, int64_t point) {
    const source_head *h = head;
    (void)point;
    json_object_set_new(hyper, "network_outputs", json_integer(h->p->n_features));
}

const judd_head_ops judd_head_source = {.kind = "source",
                                        .outputs = {[JUDD_CLASSIFICATION] = JUDD_OUTPUTS_LOGITS},
                                        .untrained = true,
                                        .tap = "logits",
                                        .create = create,
                                        .destroy = destroy,
                                        .train = train,
                                        .scores = scores,
                                        .record = record};
