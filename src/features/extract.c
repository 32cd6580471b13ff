#include <judd/features/extract.h>

#include "features/pipeline.h"

#include <judd/base/memory.h>
#include <judd/comm/deal.h>
#include <judd/comm/progress.h>

#include <stdlib.h>

/* A pass over the images. */
typedef struct pass {
    judd_pipeline_options o; /* targets: those that miss something; owned, as ids */
    bool quiet;
} pass;

/* ---- what is missing ---------------------------------------------------------------------------
 */

static void free_targets(pass *p) {
    for (int k = 0; k < p->o.n_targets; k++) judd_id_set_free(&p->o.targets[k].missing);
    free(p->o.targets);
    judd_id_set_free(&p->o.ids);
}

static judd_status add_target(pass *p, judd_extract_target *t) {
    judd_id_set missing = {0};
    t->report = (judd_extract_report){.n_needed = t->ids->n};
    judd_status status = judd_cache_missing(&missing, &t->report.n_damaged, t->cache, t->ids);
    t->report.n_computed = missing.n;
    if (status != JUDD_OK || missing.n == 0) {
        judd_id_set_free(&missing);
        return status;
    }
    p->o.targets[p->o.n_targets++] = (judd_pipeline_target){
        .cache = t->cache, .backbone = t->backbone, .view = t->view, .missing = missing};
    return JUDD_OK;
}

/* Targets that miss something, those of one backbone together. Collective. */
static judd_status find_missing(pass *p, judd_extract_target *targets, int n) {
    judd_status status = JUDD_OK;
    bool *seen = NULL;
    status = judd_memory_alloc(&seen, n, sizeof *seen);
    if (status == JUDD_OK) status = judd_memory_alloc(&p->o.targets, n, sizeof *p->o.targets);
    JUDD_TRY(judd_comm_agree(p->o.comm, status));
    for (int i = 0; i < n; i++)
        for (int j = i; j < n; j++) {
            if (seen[j] || targets[j].backbone != targets[i].backbone) continue;
            seen[j] = true;
            JUDD_TRY(add_target(p, &targets[j]));
        }
done:
    free(seen);
    return status;
}

/* The samples that any target misses. */
static judd_status unite(pass *p) {
    judd_status status = JUDD_OK;
    for (int t = 0; t < p->o.n_targets && status == JUDD_OK; t++)
        status = judd_id_set_unite(&p->o.ids, &p->o.targets[t].missing);
    return status;
}

/* ---- the pass ----------------------------------------------------------------------------------
 */

static judd_status check_threads(void) {
    int level = MPI_THREAD_SINGLE;
    MPI_Query_thread(&level);
    if (level >= MPI_THREAD_SERIALIZED) return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL, "MPI offers no MPI_THREAD_SERIALIZED, which decoding "
                                            "beside computing needs; use an MPI that does");
}

/* Images that fill a batch of the backbone that takes the most of them. */
static int64_t images_of_a_batch(const pass *p) {
    int64_t most = 1;
    for (int t = 0, n = 0; t < p->o.n_targets; t += n) {
        judd_backbone *b = p->o.targets[t].backbone;
        for (n = 0; t + n < p->o.n_targets && p->o.targets[t + n].backbone == b;) n++;
        if (judd_backbone_batch(b) / n > most) most = judd_backbone_batch(b) / n;
    }
    return most;
}

static judd_status load(pass *p) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_agree(p->o.comm, check_threads()));
    JUDD_TRY(judd_dataset_stage(p->o.dataset));
    JUDD_TRY(judd_dataset_load(p->o.dataset));
    for (int t = 0; t < p->o.n_targets; t++) {
        judd_backbone *b = p->o.targets[t].backbone;
        JUDD_TRY(judd_backbone_load(b, p->o.comm));
        JUDD_TRY(judd_cache_create(p->o.targets[t].cache, judd_backbone_dim(b)));
        if (judd_backbone_threads(b) > p->o.n_threads) p->o.n_threads = judd_backbone_threads(b);
    }
done:
    return status;
}

/* Every cache in its write phase around the work. */
static judd_status write_all(pass *p) {
    judd_status status = JUDD_OK;
    int n = 0;
    while (n < p->o.n_targets && status == JUDD_OK) {
        status = judd_cache_write_begin(p->o.targets[n].cache);
        if (status == JUDD_OK) n++;
    }
    if (status == JUDD_OK) status = judd_pipeline_run(&p->o);
    for (int t = 0; t < n; t++) status = judd_cache_write_end(p->o.targets[t].cache, status);
    return status;
}

static judd_status run_pass(pass *p) {
    judd_status status = JUDD_OK;
    const judd_comm *comm = p->o.comm;
    JUDD_TRY(load(p));
    JUDD_TRY(judd_deal_create(&p->o.deal, comm, p->o.ids.n, images_of_a_batch(p)));
    JUDD_TRY(judd_comm_agree(comm, judd_progress_create(&p->o.progress, comm, "features", "images",
                                                        p->o.ids.n, p->quiet)));
    JUDD_TRY(write_all(p));
    judd_progress_update(p->o.progress, p->o.ids.n);
done:
    judd_progress_destroy(p->o.progress);
    judd_deal_destroy(p->o.deal);
    return status;
}

judd_status judd_extract_run(judd_extract_target *targets, int n_targets, judd_dataset *dataset,
                             const judd_comm *comm, const volatile sig_atomic_t *stop, bool quiet) {
    judd_status status = JUDD_OK;
    pass p = {.o = {.dataset = dataset, .comm = comm, .stop = stop}, .quiet = quiet};
    JUDD_TRY(find_missing(&p, targets, n_targets));
    JUDD_TRY(judd_comm_agree(comm, unite(&p)));
    if (p.o.ids.n == 0) goto done;
    double start = MPI_Wtime();
    JUDD_TRY(run_pass(&p));
    for (int t = 0; t < n_targets; t++)
        if (targets[t].report.n_computed > 0) targets[t].report.seconds = MPI_Wtime() - start;
done:
    free_targets(&p);
    return status;
}
