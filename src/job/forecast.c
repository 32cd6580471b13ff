#include <judd/job/forecast.h>

#include "job/choice.h"
#include "job/extraction.h"
#include "job/grouping.h"
#include "job/label_space.h"
#include "job/looks.h"
#include "job/pace.h"
#include "job/shard.h"
#include "job/shared_job.h"
#include "job/train.h"
#include "report/records.h"

#include <judd/base/memory.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A cache file that the job would read. */
typedef struct file {
    const judd_job_backbone *backbone;
    const judd_job_dataset *dataset;
    judd_split split;
    int view;
    char *path;
    int64_t dim, n_needed, n_missing, network_bytes;
    double prepare_s, image_s;
} file;

typedef struct forecast {
    const judd_comm *comm;
    judd_log *log;
    judd_job *job;
    judd_placement placement;
    judd_plan *plan;
    judd_inputs *inputs;
    char *folder;                 /* where the job would write */
    uint8_t *finished, *skip;     /* [n_trials]; skip: these, or not needed any more */
    int64_t n_finished, n_left;   /* trials */
    const judd_plan_bank **banks; /* of the trials that are left */
    int64_t n_banks;
    int64_t *users; /* [plan->n_banks] such trials that share it */
    file *files;
    int64_t n_files, most_files;
    judd_grouping grouping;
    bool one_core;    /* a rank of the job to come has one, however many this process has */
    double *seconds;  /* [n_banks], in a group */
    judd_pace *paces; /* [job->n_heads], rank 0 */
    int64_t n_images;
    double start_s, extraction_s, training_s, memory_mib;
    judd_cost_rates rates;
    bool open; /* experiments choose among their backbones when the job runs */
} forecast;

static judd_status note_file(void *context, const judd_extraction_outcome *what) {
    judd_status status = JUDD_OK;
    forecast *f = context;
    if (f->n_files == f->most_files) {
        file *larger = NULL;
        JUDD_TRY(judd_memory_alloc(&larger, 2 * f->n_files + 16, sizeof *larger));
        if (f->n_files > 0) memcpy(larger, f->files, (size_t)f->n_files * sizeof *larger);
        free(f->files);
        f->files = larger;
        f->most_files = 2 * f->n_files + 16;
    }
    f->files[f->n_files] = (file){.backbone = what->backbone,
                                  .dataset = what->dataset,
                                  .split = what->split,
                                  .view = what->view,
                                  .dim = what->dim,
                                  .n_needed = what->report->n_needed,
                                  .n_missing = what->report->n_computed,
                                  .network_bytes = what->network_bytes,
                                  .prepare_s = what->prepare_s,
                                  .image_s = what->image_s};
    JUDD_TRY(judd_memory_string(&f->files[f->n_files].path, what->path));
    f->n_files++;
done:
    return status;
}

/* What a run, or judd score, has chosen already; without that all backbones are listed. */
static judd_status take_choices(forecast *f) {
    judd_status status = JUDD_OK;
    json_t *records = NULL;
    bool all = true;
    if (!judd_choice_any(f->job)) return JUDD_OK;
    JUDD_TRY(judd_records_read(&records, f->job->output, "choices.jsonl", true));
    JUDD_TRY(judd_choice_take(&all, f->job, records));
    f->open = !all;
done:
    json_decref(records);
    return status;
}

/* What a run would find in its folder, and train. */
static judd_status find_left(forecast *f) {
    judd_status status = JUDD_OK;
    const judd_plan *plan = f->plan;
    judd_output *output = NULL;
    char(*inputs)[JUDD_SHA256_HEX] = NULL, *why = NULL;
    JUDD_TRY(judd_comm_agree(f->comm, judd_inputs_identities(&inputs, f->inputs, plan)));
    JUDD_TRY(judd_output_look(&output, &f->finished, &why, f->folder, f->job, f->comm, plan,
                              (const char(*)[JUDD_SHA256_HEX])inputs));
    if (why) judd_log_warning(f->log, "nothing counts as finished: %s", why);
    status = judd_memory_alloc(&f->skip, plan->n_trials, 1);
    if (status == JUDD_OK) status = judd_memory_alloc(&f->users, plan->n_banks, sizeof *f->users);
    JUDD_TRY(judd_comm_agree(f->comm, status));
    JUDD_TRY(judd_looks_left(f->skip, f->plan, f->finished, output, f->job, f->comm));
    JUDD_TRY(judd_comm_agree(f->comm, judd_train_pending(&f->banks, &f->n_banks, plan, f->skip)));
    for (int64_t t = 0; t < plan->n_trials; t++) {
        f->users[plan->trials[t].bank] += !f->skip[t];
        f->n_finished += f->finished[t];
        f->n_left += !f->skip[t];
    }
done:
    judd_output_close(output);
    free(inputs);
    free(why);
    return status;
}

static judd_status look(forecast *f, const judd_run_options *o) {
    judd_status status = JUDD_OK;
    if (f->comm->rank == 0) status = judd_log_create(&f->log, o->quiet);
    JUDD_TRY(judd_comm_agree(f->comm, status));
    JUDD_TRY(judd_shared_job_read(&f->job, f->comm, o->job_file, o->overrides, o->n_overrides));
    JUDD_TRY(judd_shared_job_settle(f->job, f->comm, f->log, &f->placement));
    if (f->one_core) f->job->limits.threads = 1;
    status = take_choices(f);
    if (status == JUDD_OK) status = judd_plan_create(&f->plan, f->job, &o->shard);
    if (status == JUDD_OK) status = judd_shard_folder(&f->folder, f->job->output, &o->shard);
    JUDD_TRY(judd_comm_agree(f->comm, status));
    double start = MPI_Wtime();
    JUDD_TRY(judd_inputs_open(&f->inputs, f->job, f->comm, f->log, o->stop, o->quiet, true));
    f->start_s = MPI_Wtime() - start;
    JUDD_TRY(find_left(f));
    JUDD_TRY(judd_comm_agree(f->comm, judd_label_space_check(f->inputs, f->banks, f->n_banks)));
    JUDD_TRY(judd_extraction_look(f->inputs, f->banks, f->n_banks, note_file, f));
done:
    return status;
}

/* ---- the estimate ------------------------------------------------------------------------------
 */

/* One core does both: a thread more reads and prepares, but has no core of its own. */
static double sample_s(const file *x) {
    return x->prepare_s + x->image_s;
}

/* Columns of a bank's features, from a file of its backbone on the same images. */
static int64_t dim_of(const forecast *f, const judd_plan_bank *bank) {
    const judd_input *own = judd_inputs_find(f->inputs, bank->dataset);
    for (int64_t k = 0; k < f->n_files; k++) {
        const file *x = &f->files[k];
        const judd_input *input = judd_inputs_find(f->inputs, x->dataset);
        if (x->backbone == bank->backbone && x->dim > 0 &&
            input->split[JUDD_SPLIT_TEST] == own->split[JUDD_SPLIT_TEST])
            return x->dim;
    }
    return 1;
}

/* Where the heads of this job that are trained say how long such a one takes. */
static judd_pace pace_of(const forecast *f, const judd_job_head *head) {
    return f->paces ? f->paces[head - f->job->heads] : (judd_pace){.factor = 1.0};
}

static judd_status estimate_training(forecast *f, const int64_t *dims) {
    judd_status status = JUDD_OK;
    const int64_t n = f->n_banks, lanes = f->job->lanes;
    double *busy = NULL, *sorted = NULL;
    JUDD_TRY(judd_cost_measure(&f->rates));
    if (f->n_finished > 0)
        JUDD_TRY(judd_pace_read(&f->paces, f->folder, f->inputs, f->plan, &f->rates));
    JUDD_TRY(
        judd_grouping_choose(&f->grouping, f->inputs, f->banks, n, dims, f->job->limits.groups));
    const int n_groups = f->grouping.n_groups, size = f->comm->size / n_groups;
    JUDD_TRY(judd_memory_alloc(&f->seconds, n, sizeof *f->seconds));
    JUDD_TRY(judd_memory_alloc(&sorted, n, sizeof *sorted));
    JUDD_TRY(judd_memory_alloc(&busy, n_groups, sizeof *busy));
    for (int64_t b = 0; b < n; b++) {
        double mib = judd_cost_bytes(&f->grouping.costs[b], size, lanes) / 1048576.0;
        sorted[b] = f->seconds[b] =
            judd_cost_seconds(&f->grouping.costs[b], &f->rates, size, lanes) *
            pace_of(f, f->banks[b]->head).factor;
        if (mib > f->memory_mib) f->memory_mib = mib;
    }
    f->training_s = judd_grouping_makespan(sorted, n, busy, n_groups);
done:
    free(busy);
    free(sorted);
    return status;
}

static judd_status estimate(forecast *f) {
    int64_t *dims = NULL;
    judd_status status = judd_memory_alloc(&dims, f->n_banks, sizeof *dims);
    for (int64_t b = 0; b < f->n_banks && status == JUDD_OK; b++) dims[b] = dim_of(f, f->banks[b]);
    if (status == JUDD_OK) status = estimate_training(f, dims);
    for (int64_t k = 0; k < f->n_files; k++) {
        f->n_images += f->files[k].n_missing;
        f->extraction_s += (double)f->files[k].n_missing * sample_s(&f->files[k]) / f->comm->size;
    }
    free(dims);
    return judd_comm_agree(f->comm, status);
}

/* ---- printing ----------------------------------------------------------------------------------
 */

static json_t *json_of_files(const forecast *f) {
    json_t *all = json_array();
    for (int64_t k = 0; k < f->n_files; k++) {
        const file *x = &f->files[k];
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:s, s:i, s:s, s:I, s:I, s:I, s:o}", "backbone",
                           x->backbone->name, "dataset", x->dataset->name, "split",
                           judd_inputs_split_name(x->split), "view", x->view, "file", x->path,
                           "columns", (json_int_t)x->dim, "needed", (json_int_t)x->n_needed,
                           "missing", (json_int_t)x->n_missing, "images_per_s",
                           x->image_s > 0.0 ? json_real(1.0 / sample_s(x)) : json_null()));
    }
    return all;
}

static json_t *json_of_trials(const forecast *f) {
    json_t *all = json_array();
    for (int64_t t = 0; t < f->plan->n_trials; t++)
        json_array_append_new(all, json_pack("{s:s, s:s, s:b}", "trial", f->plan->trials[t].name,
                                             "bank", f->plan->banks[f->plan->trials[t].bank].name,
                                             "finished", f->finished[t]));
    return all;
}

static json_t *json_of_banks(const forecast *f) {
    json_t *all = json_array();
    for (int64_t b = 0; b < f->n_banks; b++) {
        const judd_plan_bank *x = f->banks[b];
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:s, s:I, s:f, s:I}", "bank", x->name, "backbone",
                           x->backbone->name, "dataset", x->dataset->name, "trials",
                           (json_int_t)f->users[x - f->plan->banks], "seconds", f->seconds[b],
                           "measured_heads", (json_int_t)pace_of(f, x->head).n_heads));
    }
    return all;
}

static judd_status print_json(const forecast *f) {
    json_t *estimated = json_pack(
        "{s:I, s:I, s:i, s:i, s:I, s:f, s:f, s:f, s:f}", "finished", (json_int_t)f->n_finished,
        "left", (json_int_t)f->n_left, "ranks", f->comm->size, "groups", f->grouping.n_groups,
        "images", (json_int_t)f->n_images, "start_s", f->start_s, "features_s", f->extraction_s,
        "training_s", f->training_s, "rows_mib", f->memory_mib);
    json_t *comparisons = json_array();
    for (int64_t c = 0; c < f->plan->n_comparisons; c++)
        json_array_append_new(comparisons, json_string(f->plan->comparisons[c].name));
    json_t *all =
        json_pack("{s:i, s:s, s:b, s:o, s:o, s:o, s:o, s:o}", "schema", 1, "job", f->job->name,
                  "chosen", !f->open, "estimate", estimated, "comparisons", comparisons, "features",
                  json_of_files(f), "banks", json_of_banks(f), "trials", json_of_trials(f));
    if (!all) return judd_status_set(JUDD_E_INTERNAL, "plan: no memory");
    json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    printf("\n");
    json_decref(all);
    return JUDD_OK;
}

static bool same_row(const file *a, const file *b) {
    return a->backbone == b->backbone && a->dataset == b->dataset && a->split == b->split;
}

/* All seeds of random weights, and all views, in one row. */
static void print_files(const forecast *f) {
    printf("%-20s %-20s %-10s %5s %10s %10s %12s %9s\n", "backbone", "data set", "split", "files",
           "needed", "in cache", "to compute", "seconds");
    for (int64_t k = 0; k < f->n_files; k++) {
        const file *x = &f->files[k];
        long long n = 0, needed = 0, missing = 0;
        double seconds = 0.0;
        bool first = true;
        for (int64_t j = 0; j < k; j++) first &= !same_row(&f->files[j], x);
        for (int64_t j = k; first && j < f->n_files; j++) {
            const file *y = &f->files[j];
            if (!same_row(x, y)) continue;
            n++;
            needed += y->n_needed;
            missing += y->n_missing;
            seconds += (double)y->n_missing * sample_s(y) / f->comm->size;
        }
        if (first)
            printf("%-20s %-20s %-10s %5lld %10lld %10lld %12lld %9.1f\n", x->backbone->name,
                   x->dataset->name, judd_inputs_split_name(x->split), n, needed, needed - missing,
                   missing, seconds);
    }
}

static bool same_training(const judd_plan_bank *a, const judd_plan_bank *b) {
    return a->backbone == b->backbone && a->dataset == b->dataset && a->head == b->head;
}

/* All shot counts and seeds in one row. */
static void print_banks(const forecast *f) {
    printf("\n%-20s %-20s %-20s %6s %7s %9s\n", "backbone", "data set", "head", "heads", "trials",
           "seconds");
    for (int64_t b = 0; b < f->n_banks; b++) {
        const judd_plan_bank *x = f->banks[b];
        long long heads = 0, trials = 0;
        double seconds = 0.0;
        bool first = true;
        for (int64_t a = 0; a < b; a++) first &= !same_training(f->banks[a], x);
        for (int64_t a = b; first && a < f->n_banks; a++) {
            if (!same_training(f->banks[a], x)) continue;
            heads++;
            trials += f->users[f->banks[a] - f->plan->banks];
            seconds += f->seconds[a];
        }
        if (first)
            printf("%-20s %-20s %-20s %6lld %7lld %9.1f\n", x->backbone->name, x->dataset->name,
                   x->head->name, heads, trials, seconds);
    }
}

static void print_finished(FILE *out, const forecast *f) {
    fprintf(out, "%lld of %lld trials are finished in %s", (long long)f->n_finished,
            (long long)f->plan->n_trials, f->folder);
    if (f->n_finished + f->n_left < f->plan->n_trials)
        fprintf(out, ", %lld are not needed",
                (long long)(f->plan->n_trials - f->n_finished - f->n_left));
}

/* What times of training rest on. */
static void print_training(FILE *out, const forecast *f) {
    int64_t n_left = f->n_banks;
    for (int64_t h = 0; h < f->job->n_heads; h++) {
        const judd_pace pace = pace_of(f, &f->job->heads[h]);
        int64_t n = 0;
        for (int64_t b = 0; b < f->n_banks; b++) n += f->banks[b]->head == &f->job->heads[h];
        if (n == 0 || pace.n_heads == 0) continue;
        fprintf(out,
                "training of %s: %lld heads, %.3g times their operations at %.3g/s: the median of "
                "%lld that this job has trained (timing.jsonl)\n",
                f->job->heads[h].name, (long long)n, pace.factor, f->rates.operations,
                (long long)pace.n_heads);
        n_left -= n;
    }
    if (f->n_banks == 0) fprintf(out, "training: all heads are trained\n");
    if (n_left > 0)
        fprintf(
            out,
            "training: %lld heads, their operations counted, at %.3g/s of a product timed now\n",
            (long long)n_left, f->rates.operations);
}

static void print_text(const forecast *f) {
    char placement[JUDD_PLACEMENT_TEXT];
    judd_placement_line(placement, &f->placement);
    printf("%s\n", placement);
    printf("job %s: %lld comparisons, %lld trials", f->job->name, (long long)f->plan->n_comparisons,
           (long long)f->plan->n_trials);
    if (f->n_finished > 0) {
        printf("; ");
        print_finished(stdout, f);
    }
    printf("%s share %lld heads and %lld files of features\n\n",
           f->n_finished > 0 ? "; those that are left" : ", which", (long long)f->n_banks,
           (long long)f->n_files);
    if (f->n_banks > 0) {
        print_files(f);
        print_banks(f);
    }
    printf("\non %d rank%s: start about %.0f s, features about %.0f s (%lld samples through a "
           "backbone), training about %.0f s by %d group%s; rows of at most %.0f MiB a rank\n",
           f->comm->size, f->comm->size == 1 ? "" : "s", f->start_s, f->extraction_s,
           (long long)f->n_images, f->training_s, f->grouping.n_groups,
           f->grouping.n_groups == 1 ? "" : "s", f->memory_mib);
    if (f->n_finished > 0) print_training(stdout, f);
    if (f->open)
        printf("experiments that choose among backbones do so when the job runs (judd score shows "
               "the scores): until then all their backbones are listed, a part of which is run\n");
}

static void close_forecast(forecast *f) {
    judd_inputs_close(f->inputs);
    judd_plan_destroy(f->plan);
    judd_job_destroy(f->job);
    judd_log_destroy(f->log);
    judd_grouping_free(&f->grouping);
    for (int64_t k = 0; k < f->n_files; k++) free(f->files[k].path);
    free(f->files);
    free(f->folder);
    free(f->finished);
    free(f->skip);
    free(f->banks);
    free(f->users);
    free(f->seconds);
    free(f->paces);
}

judd_status judd_forecast(const judd_comm *comm, const judd_run_options *options, bool as_json) {
    judd_status status = JUDD_OK;
    forecast f = {.comm = comm};
    JUDD_TRY(look(&f, options));
    JUDD_TRY(estimate(&f));
    if (comm->rank == 0 && as_json) status = print_json(&f);
    if (comm->rank == 0 && !as_json) print_text(&f);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    close_forecast(&f);
    return status;
}

/* The networks of one pass over the images: as extraction packs them, or the largest alone. */
static double network_mib(const forecast *f) {
    const double limit = (double)f->job->limits.memory_mib;
    double most = 0.0, sum = 0.0;
    for (int64_t k = 0; k < f->n_files; k++) {
        bool first = true;
        double mib = (double)f->files[k].network_bytes / 1048576.0;
        for (int64_t j = 0; j < k; j++) first &= f->files[j].backbone != f->files[k].backbone;
        sum += first ? mib : 0.0;
        most = mib > most ? mib : most;
    }
    return sum <= limit || sum == most ? sum : limit > most ? limit : most;
}

static void print_basis(FILE *out, const forecast *f) {
    if (f->n_finished > 0) {
        print_finished(out, f);
        fprintf(out, ": they are not counted\n");
    }
    for (int64_t k = 0; k < f->n_files; k++) {
        const file *x = &f->files[k];
        long long missing = 0;
        bool first = x->n_missing > 0;
        for (int64_t j = 0; j < k; j++)
            first &= f->files[j].n_missing == 0 || !same_row(&f->files[j], x);
        for (int64_t j = k; first && j < f->n_files; j++)
            missing += same_row(x, &f->files[j]) ? f->files[j].n_missing : 0;
        if (missing > 0)
            fprintf(out,
                    "features of %s, %s (%s): %lld samples at %.4g/s a rank, tried now on a batch "
                    "of them (reading and decoding %.3g ms, network %.3g ms)\n",
                    x->backbone->name, x->dataset->name, judd_inputs_split_name(x->split), missing,
                    1.0 / sample_s(x), 1e3 * x->prepare_s, 1e3 * x->image_s);
    }
    if (f->n_images == 0) fprintf(out, "features: all are in the cache\n");
    print_training(out, f);
    if (f->plan->n_looks > 1)
        fprintf(out, "unknown: after how many seeds comparisons stop (seeds = \"auto\"): all are "
                     "counted\n");
    if (f->open)
        fprintf(out, "unknown: which backbones will be chosen, and how long their scores take: all "
                     "are counted, without scores\n");
    fprintf(out, "unknown: other processors, the network between nodes, a file system that is slow "
                 "or cold\n");
}

judd_status judd_forecast_measure(judd_forecast_size *out, const judd_comm *comm,
                                  const judd_run_options *options) {
    judd_status status = JUDD_OK;
    forecast f = {.comm = comm, .one_core = true};
    size_t bytes = 0;
    *out = (judd_forecast_size){0};
    JUDD_TRY(look(&f, options));
    JUDD_TRY(estimate(&f));
    out->start_s = f.start_s;
    out->features_s = f.extraction_s;
    for (int64_t b = 0; b < f.n_banks; b++) {
        out->training_s += f.seconds[b];
        if (f.seconds[b] > out->longest_s) out->longest_s = f.seconds[b];
    }
    out->lanes = f.job->lanes;
    out->rows_mib = f.memory_mib;
    out->network_mib = network_mib(&f);
    FILE *basis = open_memstream(&out->basis, &bytes);
    if (!basis) JUDD_FAIL(JUDD_E_INTERNAL, "plan: no memory");
    print_basis(basis, &f);
    if (fclose(basis) != 0) JUDD_FAIL(JUDD_E_INTERNAL, "plan: no memory");
    JUDD_TRY(judd_memory_string(&out->output, f.job->output));
done:
    close_forecast(&f);
    return status;
}
