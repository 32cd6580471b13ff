#include <judd/job/features.h>

#include "job/extraction.h"
#include "job/looks.h"
#include "job/shared_job.h"

#include <judd/base/memory.h>
#include <judd/comm/watchdog.h>
#include <judd/io/atomic_file.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct phase {
    const judd_comm *comm; /* watched */
    judd_comm watched;     /* the caller's, with the watchdog */
    char *folder;          /* of the watchdog */
    judd_log *log;         /* NULL on ranks > 0 */
    judd_job *job;
    judd_plan *plan;
    judd_inputs *inputs;
    const judd_plan_bank **banks; /* [n_banks] whose features are wanted */
    int64_t n_banks;
    bool titled;
} phase;

/* Whether every bank reads all samples of its data set: then nothing need be drawn. */
static bool reads_all(const phase *p, bool all) {
    bool whole = true;
    for (int64_t b = 0; b < p->n_banks; b++) {
        const judd_plan_bank *bank = p->banks[b];
        bool apart = bank->dataset->views > 1 && bank->head->validation_fraction > 0.0;
        whole = whole && judd_job_files_path(&bank->dataset->test) &&
                (all || (bank->shots == 0 && !apart));
    }
    return whole;
}

/* There is no output folder: reports go to one of this run's own in the cache, which all ranks see.
 */
static judd_status watch(phase *p) {
    judd_status status = JUDD_OK;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    if (p->comm->rank == 0) {
        status = judd_atomic_file_make_folder(p->job->cache);
        if (status == JUDD_OK)
            status = judd_memory_format(&p->folder, "%s/watch-%s-%ld", p->job->cache, host,
                                        (long)getpid());
    }
    JUDD_TRY(judd_comm_broadcast_status(p->comm, status));
    JUDD_TRY(judd_comm_broadcast_string(p->comm, &p->folder));
    JUDD_TRY(
        judd_watchdog_create(&p->watched.watchdog, p->comm, p->folder, p->job->limits.watchdog_s));
done:
    return status;
}

/* With seeds = "auto" those of the first look, which are needed whatever comes of it; all: those of
 * the last one. */
static judd_status choose_banks(phase *p, bool all) {
    judd_status status = JUDD_OK;
    uint8_t *finished = NULL, *skip = NULL, *wanted = NULL;
    bool more;
    status = judd_memory_alloc(&p->banks, p->plan->n_banks, sizeof *p->banks);
    if (status == JUDD_OK) status = judd_memory_alloc(&finished, p->plan->n_trials, 1);
    if (status == JUDD_OK) status = judd_memory_alloc(&skip, p->plan->n_trials, 1);
    if (status == JUDD_OK) status = judd_memory_alloc(&wanted, p->plan->n_banks, 1);
    JUDD_TRY(judd_comm_agree(p->comm, status));
    if (!all && p->plan->n_looks > 1) {
        JUDD_TRY(judd_looks_next(&more, p->plan, 0, p->plan->n_judged, NULL, p->job->verdict.margin,
                                 p->comm));
        judd_looks_skip(skip, finished, p->plan, p->job->seed);
    }
    for (int64_t t = 0; t < p->plan->n_trials; t++)
        if (!skip[t]) wanted[p->plan->trials[t].bank] = 1;
    for (int64_t b = 0; b < p->plan->n_banks; b++)
        if (wanted[b]) p->banks[p->n_banks++] = &p->plan->banks[b];
done:
    free(finished);
    free(skip);
    free(wanted);
    return status;
}

static judd_status open_phase(phase *p, const judd_run_options *o, bool all) {
    judd_status status = JUDD_OK;
    if (p->comm->rank == 0) status = judd_log_create(&p->log, o->quiet);
    JUDD_TRY(judd_comm_agree(p->comm, status));
    JUDD_TRY(judd_shared_job_read(&p->job, p->comm, o->job_file, o->overrides, o->n_overrides));
    JUDD_TRY(judd_shared_job_settle(p->job, p->comm, p->log, NULL));
    JUDD_TRY(watch(p));
    judd_watchdog_phase(p->watched.watchdog, "reading data sets");
    JUDD_TRY(judd_comm_agree(p->comm, judd_plan_create(&p->plan, p->job, NULL)));
    JUDD_TRY(choose_banks(p, all));
    JUDD_TRY(judd_inputs_open(&p->inputs, p->job, p->comm, p->log, o->stop, o->quiet,
                              !reads_all(p, all)));
done:
    return status;
}

static judd_status print_outcome(void *context, const judd_extraction_outcome *what) {
    phase *p = context;
    const judd_extract_report *r = what->report;
    if (p->comm->rank != 0) return JUDD_OK;
    if (!p->titled)
        printf("%-20s %-20s %-10s %4s %9s %9s %8s %9s  %s\n", "backbone", "data set", "split",
               "view", "needed", "computed", "damaged", "seconds", "file");
    p->titled = true;
    printf("%-20s %-20s %-10s %4d %9lld %9lld %8lld %9.1f  %s\n", what->backbone->name,
           what->dataset->name, judd_inputs_split_name(what->split), what->view,
           (long long)r->n_needed, (long long)r->n_computed, (long long)r->n_damaged, r->seconds,
           what->path);
    return JUDD_OK;
}

judd_status judd_features_run(const judd_comm *comm, const judd_run_options *options, bool all) {
    judd_status status = JUDD_OK;
    phase p = {.watched = *comm};
    p.comm = &p.watched;
    JUDD_TRY(open_phase(&p, options, all));
    judd_watchdog_phase(p.watched.watchdog, "features");
    JUDD_TRY(judd_extraction_run(p.inputs, p.banks, p.n_banks, all, print_outcome, &p));
done:
    judd_inputs_close(p.inputs);
    judd_watchdog_destroy(p.watched.watchdog);
    if (p.comm->rank == 0 && p.folder) (void)judd_atomic_file_remove(p.folder);
    free(p.folder);
    judd_plan_destroy(p.plan);
    judd_job_destroy(p.job);
    judd_log_destroy(p.log);
    free(p.banks);
    return status;
}
