#include <judd/job/predictions_writer.h>

#include "report/document.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/learn/evaluate.h>

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 4096, MOST_ON_SHEET = 2000, MOST_BYTES = 400 };

typedef struct writer writer;

/* A format: what comes first, a block of samples, what comes last. */
typedef struct format {
    const char *name, *ending;
    bool text;
    judd_status (*begin)(writer *w);
    judd_status (*block)(writer *w, int64_t first, int64_t n);
    judd_status (*end)(writer *w); /* or NULL */
} format;

/* Rank 0. */
struct writer {
    const judd_predictor *predictor;
    const judd_predictor_info *head;
    judd_dataset *dataset;
    const judd_task_samples *samples;
    const judd_predictions_writer_options *options;
    const format *format;
    char *temporary; /* NULL: standard output */
    FILE *file;
    hid_t h5;
    const float *score; /* [n, n_outputs] of the block */
    double *p;          /* [BLOCK, n_outputs]: probabilities or, without, scores */
    bool probable;      /* p holds probabilities */
    int *order;         /* [n_outputs] scratch */
    judd_html html;
};

/* ---- what is said of a sample -------------------------------------------------------------------
 */

/* Names are unique; raw samples are told by their number. */
static const char *sample_name(char text[32], const writer *w, int64_t i) {
    const char *name = judd_dataset_name(w->dataset, w->samples->ids[i]);
    snprintf(text, 32, "%lld", (long long)w->samples->ids[i]);
    return name ? name : text;
}

/* Outputs of a sample by falling p, the first ones first on ties. */
static void put_in_order(const writer *w, const double *p, int n_wanted) {
    int n = w->head->n_outputs;
    for (int c = 0; c < n; c++) w->order[c] = c;
    for (int k = 0; k < n_wanted; k++) {
        int best = k;
        for (int c = k + 1; c < n; c++)
            if (p[w->order[c]] > p[w->order[best]]) best = c;
        int found = w->order[best];
        memmove(w->order + k + 1, w->order + k, (size_t)(best - k) * sizeof *w->order);
        w->order[k] = found;
    }
}

static int n_shown(const writer *w) {
    int top = w->options->top, n = w->head->n_outputs;
    return top > 0 && top < n ? top : n;
}

/* Calls give for each output that is predicted. */
static bool is_predicted(const writer *w, const double *p, const float *score, int c) {
    if (w->head->task == JUDD_MULTILABEL) return w->probable ? p[c] >= 0.5 : score[c] > 0.0f;
    return judd_evaluate_argmax(score, w->head->n_outputs) == c;
}

/* ---- text ---------------------------------------------------------------------------------------
 */

/* No tab, line end or backslash of a name breaks a line: they are written as \t, \n, \r, \\. */
static void put_tsv(FILE *file, const char *text) {
    for (; *text; text++) {
        const char *at = strchr("\t\n\r\\", *text);
        if (at)
            fprintf(file, "\\%c", "tnr\\"[at - "\t\n\r\\"]);
        else
            fputc(*text, file);
    }
}

static judd_status begin_tsv(writer *w) {
    bool values = w->head->task == JUDD_REGRESSION;
    fputs(values ? "sample" : "sample\tpredicted", w->file);
    for (int k = 0; k < n_shown(w); k++) {
        if (w->options->top > 0) {
            fprintf(w->file, "\tclass%d\t%s%d", k + 1, w->probable ? "p" : "score", k + 1);
            continue;
        }
        fputs(values ? "\t" : w->probable ? "\tp(" : "\tscore(", w->file);
        put_tsv(w->file, w->head->output_names[k]);
        fputs(values ? "" : ")", w->file);
    }
    fputc('\n', w->file);
    return JUDD_OK;
}

static void put_predicted_tsv(const writer *w, const double *p, const float *score) {
    int n = 0;
    fputc('\t', w->file);
    for (int c = 0; c < w->head->n_outputs; c++) {
        if (!is_predicted(w, p, score, c)) continue;
        if (n++ > 0) fputc(',', w->file);
        put_tsv(w->file, w->head->output_names[c]);
    }
}

static judd_status block_tsv(writer *w, int64_t first, int64_t n) {
    char text[32];
    int k = w->head->n_outputs;
    for (int64_t i = 0; i < n; i++) {
        const double *p = w->p + i * k;
        put_tsv(w->file, sample_name(text, w, first + i));
        if (w->head->task != JUDD_REGRESSION) put_predicted_tsv(w, p, w->score + i * k);
        if (w->options->top > 0) put_in_order(w, p, n_shown(w));
        for (int c = 0; c < n_shown(w); c++) {
            int output = w->options->top > 0 ? w->order[c] : c;
            fputc('\t', w->file);
            if (w->options->top > 0) {
                put_tsv(w->file, w->head->output_names[output]);
                fputc('\t', w->file);
            }
            fprintf(w->file, "%.7g", p[output]);
        }
        fputc('\n', w->file);
    }
    return JUDD_OK;
}

/* NULL for names that are no UTF-8, which JSON cannot hold. */
static json_t *line_of(const writer *w, int64_t i, const double *p, const float *score) {
    char text[32];
    json_t *line = json_object(), *numbers = json_object(), *labels = json_array();
    bool sound = json_object_set_new(line, "sample", json_string(sample_name(text, w, i))) == 0;
    for (int c = 0; c < w->head->n_outputs; c++)
        if (is_predicted(w, p, score, c))
            json_array_append_new(labels, json_string(w->head->output_names[c]));
    if (w->head->task == JUDD_MULTILABEL)
        json_object_set(line, "predicted", labels);
    else if (w->head->task == JUDD_CLASSIFICATION)
        json_object_set(line, "predicted", json_array_get(labels, 0));
    put_in_order(w, p, n_shown(w));
    for (int c = 0; c < n_shown(w); c++) {
        int output = w->options->top > 0 ? w->order[c] : c;
        json_t *number = isfinite(p[output]) ? json_real(p[output]) : json_null();
        sound = json_object_set_new(numbers, w->head->output_names[output], number) == 0 && sound;
    }
    json_object_set(line,
                    w->head->task == JUDD_REGRESSION ? "values"
                    : w->probable                    ? "probability"
                                                     : "score",
                    numbers);
    json_decref(labels);
    json_decref(numbers);
    if (!sound) json_decref(line);
    return sound ? line : NULL;
}

static judd_status begin_jsonl(writer *w) {
    (void)w;
    return JUDD_OK;
}

static judd_status block_jsonl(writer *w, int64_t first, int64_t n) {
    int k = w->head->n_outputs;
    for (int64_t i = 0; i < n; i++) {
        json_t *line = line_of(w, first + i, w->p + i * k, w->score + i * k);
        if (!line)
            return judd_status_set(JUDD_E_DATA,
                                   "sample %lld: its name is not UTF-8, as JSON wants it; use "
                                   "--write tsv",
                                   (long long)w->samples->ids[first + i]);
        json_dumpf(line, w->file, JSON_COMPACT | JSON_REAL_PRECISION(9));
        fputc('\n', w->file);
        json_decref(line);
    }
    return JUDD_OK;
}

/* ---- HDF5 ---------------------------------------------------------------------------------------
 */

static judd_status put_names(writer *w) {
    judd_status status = JUDD_OK;
    const judd_task_samples *s = w->samples;
    const char **names = NULL;
    if (!judd_dataset_info_of(w->dataset)->encoded) return JUDD_OK;
    JUDD_TRY(judd_memory_alloc(&names, s->n, sizeof *names));
    for (int64_t i = 0; i < s->n; i++) names[i] = judd_dataset_name(w->dataset, s->ids[i]);
    JUDD_TRY(judd_h5_write_strings(w->h5, "sample", names, s->n, "their names"));
done:
    free(names);
    return status;
}

static judd_status begin_h5(writer *w) {
    judd_status status = JUDD_OK;
    const judd_predictor_info *h = w->head;
    int64_t dims[2] = {w->samples->n, h->n_outputs};
    bool classes = h->task == JUDD_CLASSIFICATION;
    JUDD_TRY(judd_h5_set_string(w->h5, "/", "title", "Judd predictions"));
    JUDD_TRY(judd_h5_set_int(w->h5, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(w->h5, "/", "head", h->trial));
    JUDD_TRY(judd_h5_write_strings(w->h5, "output_names", h->output_names, h->n_outputs,
                                   "classes, labels or targets, as the columns of score"));
    JUDD_TRY(judd_h5_create_dataset(w->h5, "sample_id", H5T_STD_I64LE, 1, dims,
                                    "samples of the data set"));
    JUDD_TRY(put_names(w));
    JUDD_TRY(judd_h5_create_dataset(w->h5, "score", H5T_IEEE_F32LE, 2, dims, "of each output"));
    if (w->probable)
        JUDD_TRY(judd_h5_create_dataset(w->h5, "probability", H5T_IEEE_F64LE, 2, dims,
                                        "of each class or label"));
    if (classes)
        JUDD_TRY(judd_h5_create_dataset(w->h5, "predicted", H5T_STD_I32LE, 1, dims,
                                        "column with the largest score"));
done:
    return status;
}

static judd_status block_h5(writer *w, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    int32_t predicted[BLOCK];
    int k = w->head->n_outputs;
    for (int64_t i = 0; i < n; i++) predicted[i] = judd_evaluate_argmax(w->score + i * k, k);
    JUDD_TRY(judd_h5_write_rows(w->h5, "sample_id", H5T_NATIVE_INT64, first, n,
                                w->samples->ids + first));
    JUDD_TRY(judd_h5_write_rows(w->h5, "score", H5T_NATIVE_FLOAT, first, n, w->score));
    if (w->probable)
        JUDD_TRY(judd_h5_write_rows(w->h5, "probability", H5T_NATIVE_DOUBLE, first, n, w->p));
    if (w->head->task == JUDD_CLASSIFICATION)
        JUDD_TRY(judd_h5_write_rows(w->h5, "predicted", H5T_NATIVE_INT32, first, n, predicted));
done:
    return status;
}

/* ---- contact sheet ------------------------------------------------------------------------------
 */

static judd_status write_html(writer *w) {
    if (w->html.status == JUDD_OK) fwrite(w->html.text, 1, (size_t)w->html.n, w->file);
    w->html.n = 0;
    return w->html.status;
}

static judd_status begin_html(writer *w) {
    int64_t n = w->samples->n;
    judd_document_begin(&w->html, w->head->trial, w->head->trial);
    judd_html_add(&w->html, "<p class=\"state\">What the head of this trial says of %lld samples",
                  (long long)n);
    if (n > MOST_ON_SHEET)
        judd_html_add(&w->html, "; the first %d of them. Other formats hold all", MOST_ON_SHEET);
    judd_html_add(&w->html, ".</p></header>\n<main><ul class=\"strip\">\n");
    return write_html(w);
}

/* The likeliest outputs with their numbers, the predicted one in front. */
static void put_caption(writer *w, int64_t i, const double *p) {
    char text[32];
    bool values = w->head->task == JUDD_REGRESSION;
    int n = w->options->top > 0 ? n_shown(w) : values ? w->head->n_outputs : 1;
    bool named = judd_dataset_name(w->dataset, w->samples->ids[i]) != NULL;
    put_in_order(w, p, n);
    judd_html_add(&w->html, "<span>");
    for (int c = 0; c < n; c++) {
        int output = values ? c : w->order[c];
        judd_html_add(&w->html, c == 0 ? "<strong>%s</strong> %.3g" : "<small>%s %.3g</small>",
                      w->head->output_names[output], p[output]);
    }
    judd_html_add(&w->html, "<small>%s%s</small></span></li>\n", named ? "" : "no. ",
                  sample_name(text, w, i));
}

static judd_status block_html(writer *w, int64_t first, int64_t n) {
    judd_status status = JUDD_OK;
    judd_image image = {0};
    const judd_dataset_info *info = judd_dataset_info_of(w->dataset);
    for (int64_t i = first; i < first + n && i < MOST_ON_SHEET; i++) {
        const char *text = NULL;
        char what[32], beginning[MOST_BYTES];
        int64_t id = w->samples->ids[i], bytes = 0;
        judd_html_add(&w->html, "<li>");
        if (info->text) {
            JUDD_TRY(judd_dataset_text(w->dataset, id, &text, &bytes));
            snprintf(beginning, sizeof beginning, "%.*s", (int)bytes, text);
            judd_html_add(&w->html, "<q>%s</q>", beginning);
        } else if (info->feature_dim == 0) {
            JUDD_TRY(judd_dataset_image(w->dataset, id, &image));
            JUDD_TRY(judd_document_picture(&w->html, &image, sample_name(what, w, i)));
        }
        put_caption(w, i, w->p + (i - first) * w->head->n_outputs);
        JUDD_TRY(write_html(w));
    }
done:
    judd_image_free(&image);
    return status;
}

static judd_status end_html(writer *w) {
    judd_html_add(&w->html, "</ul></main>\n");
    judd_document_end(&w->html);
    return write_html(w);
}

/* ---- all ----------------------------------------------------------------------------------------
 */

static const format formats[] = {{"tsv", ".tsv", true, begin_tsv, block_tsv, NULL},
                                 {"jsonl", ".jsonl", true, begin_jsonl, block_jsonl, NULL},
                                 {"hdf5", ".h5", false, begin_h5, block_h5, NULL},
                                 {"html", ".html", true, begin_html, block_html, end_html}};
enum { N_FORMATS = sizeof formats / sizeof *formats };

static const format *find_format(const judd_predictions_writer_options *o) {
    size_t length = o->path ? strlen(o->path) : 0;
    for (int i = 0; i < N_FORMATS; i++) {
        size_t ending = strlen(formats[i].ending);
        if (o->format
                ? strcmp(o->format, formats[i].name) == 0
                : length > ending && strcmp(o->path + length - ending, formats[i].ending) == 0)
            return &formats[i];
    }
    return o->format || o->path ? NULL : &formats[0];
}

judd_status judd_predictions_writer_check(const judd_predictions_writer_options *o,
                                          const judd_predictor_info *head) {
    const format *f = find_format(o);
    if (!f && o->format)
        return judd_status_set(JUDD_E_USAGE, "--write %s; known: tsv, jsonl, hdf5, html",
                               o->format);
    if (!f)
        return judd_status_set(
            JUDD_E_USAGE,
            "%s: its ending names no format; write .tsv, .jsonl, .h5 or .html, or "
            "give --write tsv, jsonl, hdf5 or html",
            o->path);
    if (!f->text && !o->path)
        return judd_status_set(JUDD_E_USAGE, "HDF5 cannot go to standard output; give -o FILE.h5");
    if (o->top > 0 && (head->task == JUDD_REGRESSION || !f->text))
        return judd_status_set(JUDD_E_USAGE, "--top is for classes or labels, as text");
    return JUDD_OK;
}

static judd_status not_written(const writer *w) {
    return judd_status_set(JUDD_E_IO, "%s: cannot be written: %s; free space or send it elsewhere",
                           w->temporary ? w->options->path : "standard output", strerror(errno));
}

static judd_status open_writer(writer *w) {
    judd_status status = JUDD_OK;
    const judd_predictions_writer_options *o = w->options;
    double nothing[1];
    w->format = find_format(o);
    w->probable = judd_predictor_probabilities(w->predictor, nothing, NULL, 0);
    JUDD_TRY(judd_memory_alloc(&w->p, (int64_t)BLOCK * w->head->n_outputs, sizeof *w->p));
    JUDD_TRY(judd_memory_alloc(&w->order, w->head->n_outputs, sizeof *w->order));
    if (o->path) JUDD_TRY(judd_atomic_file_temporary(&w->temporary, o->path));
    if (!w->format->text) {
        JUDD_TRY(judd_h5_create(&w->h5, w->temporary));
    } else {
        w->file = w->temporary ? fopen(w->temporary, "w") : stdout;
        if (!w->file) JUDD_TRY(not_written(w));
    }
    JUDD_TRY(w->format->begin(w));
done:
    return status;
}

static judd_status write_block(writer *w, const float *scores, int64_t first, int64_t n) {
    w->score = scores;
    if (!w->probable)
        for (int64_t i = 0; i < n * w->head->n_outputs; i++) w->p[i] = (double)scores[i];
    else
        (void)judd_predictor_probabilities(w->predictor, w->p, scores, n);
    judd_status status = w->format->block(w, first, n);
    if (status == JUDD_OK && w->file && ferror(w->file)) status = not_written(w);
    return status;
}

/* The file gets its name when it is whole. */
static judd_status close_writer(writer *w, judd_status written) {
    judd_status status = written;
    if (w->h5 > 0) {
        judd_status closed = judd_h5_close(w->h5, w->temporary);
        if (status == JUDD_OK) status = closed;
    }
    if (w->file && (w->temporary ? fclose(w->file) : fflush(w->file)) != 0 && status == JUDD_OK)
        status = not_written(w);
    if (w->temporary && status == JUDD_OK)
        status = judd_atomic_file_commit(w->temporary, w->options->path);
    if (w->temporary && status != JUDD_OK) unlink(w->temporary);
    free(w->temporary);
    free(w->p);
    free(w->order);
    judd_html_free(&w->html);
    return status;
}

/* Lanes are in the order of the samples and ranks in that of the lanes, so the ranks come one after
 * the other, a block of samples at a time. */
static judd_status write_all(writer *w, const float *scores, const judd_lanes *lanes,
                             const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t own = judd_lanes_count(lanes), first = 0, row = w->head->n_outputs;
    int64_t *counts = NULL;
    float *block = NULL;
    JUDD_TRY(judd_comm_allgather(comm, (void **)&counts, &own, 1, sizeof own));
    for (int r = 0; r < comm->size; r++)
        for (int64_t at = 0; at < counts[r]; at += BLOCK) {
            int64_t n = counts[r] - at < BLOCK ? counts[r] - at : BLOCK;
            JUDD_TRY(judd_comm_gather(comm, (void **)&block,
                                      scores + (comm->rank == r ? at * row : 0),
                                      comm->rank == r ? n : 0, row * (int64_t)sizeof *scores));
            status = comm->rank == 0 ? write_block(w, block, first, n) : JUDD_OK;
            free(block);
            block = NULL;
            JUDD_TRY(judd_comm_broadcast_status(comm, status));
            first += n;
        }
done:
    free(block);
    free(counts);
    return status;
}

judd_status judd_predictions_writer_run(const judd_predictor *predictor, judd_dataset *dataset,
                                        const judd_task_samples *samples, const float *scores,
                                        const judd_lanes *lanes, const judd_comm *comm,
                                        const judd_predictions_writer_options *options) {
    writer w = {.predictor = predictor,
                .head = judd_predictor_info_of(predictor),
                .dataset = dataset,
                .samples = samples,
                .options = options};
    judd_status status = comm->rank == 0 ? open_writer(&w) : JUDD_OK;
    status = judd_comm_broadcast_status(comm, status);
    if (status == JUDD_OK) status = write_all(&w, scores, lanes, comm);
    if (status == JUDD_OK && comm->rank == 0 && w.format->end) status = w.format->end(&w);
    if (comm->rank == 0) status = close_writer(&w, status);
    return judd_comm_broadcast_status(comm, status);
}
