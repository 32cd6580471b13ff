#include "data/label_set.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

void judd_label_set_free(judd_label_set *set) {
    judd_name_table_free(&set->names);
    judd_scratch_free(&set->label_scratch);
    judd_scratch_free(&set->target_scratch);
    judd_node_memory_destroy(set->label_memory);
    judd_node_memory_destroy(set->target_memory);
    free(set->text);
    free(set->name);
    *set = (judd_label_set){0};
}

judd_status judd_label_set_create(judd_label_set *set, int64_t n, int64_t n_targets) {
    judd_scratch *to = n_targets > 0 ? &set->target_scratch : &set->label_scratch;
    int64_t bytes = 0;
    set->n = n;
    set->n_targets = n_targets;
    if (__builtin_mul_overflow(n, 4 * (n_targets > 0 ? n_targets : 1), &bytes))
        return judd_status_set(JUDD_E_DATA, "%lld targets of %lld samples are too many",
                               (long long)n_targets, (long long)n);
    judd_status status = judd_scratch_create(to, bytes);
    if (n_targets > 0)
        set->targets = to->data;
    else
        set->labels = to->data;
    return status;
}

judd_status judd_label_set_create_for(judd_label_set *set, judd_task_kind task, int64_t n,
                                      int64_t columns, const char *place) {
    if (task == JUDD_CLASSIFICATION && columns != 1)
        return judd_status_set(
            JUDD_E_CONFIG,
            "%s: %lld numbers a sample, not a class; set datasets.task to \"multilabel\" or "
            "\"regression\"",
            place, (long long)columns);
    if (columns < 1 || columns > JUDD_NAME_TABLE_MOST)
        return judd_status_set(JUDD_E_DATA, "%s: %lld targets a sample, allowed 1 .. %d", place,
                               (long long)columns, JUDD_NAME_TABLE_MOST);
    return judd_label_set_create(set, n, task == JUDD_CLASSIFICATION ? 0 : columns);
}

judd_status judd_label_set_put(judd_label_set *set, int64_t first, const double *values,
                               int64_t count, const char *place) {
    for (int64_t i = 0; i < count && set->targets; i++) set->targets[first + i] = (float)values[i];
    for (int64_t i = 0; i < count && set->labels; i++) {
        double v = values[i];
        if (!(v >= 0.0 && v < JUDD_NAME_TABLE_MOST && v == floor(v)))
            return judd_status_set(
                JUDD_E_DATA,
                "%s: sample %lld has label %g, allowed are whole numbers 0 .. %d; correct it",
                place, (long long)(first + i), v, JUDD_NAME_TABLE_MOST - 1);
        set->labels[first + i] = (int32_t)v;
    }
    return JUDD_OK;
}

static judd_status check_labels(const judd_label_set *set, const char *place) {
    for (int64_t i = 0; i < set->n; i++) {
        if (set->labels[i] < 0 || set->labels[i] >= JUDD_NAME_TABLE_MOST)
            return judd_status_set(
                JUDD_E_DATA, "%s: sample %lld has label %d, allowed 0 .. %d; correct it", place,
                (long long)i, (int)set->labels[i], JUDD_NAME_TABLE_MOST - 1);
        if (set->names.n > 0 && set->labels[i] >= set->names.n)
            return judd_status_set(JUDD_E_DATA,
                                   "%s: sample %lld has label %d, but there are names for 0 .. "
                                   "%lld; name all classes or correct it",
                                   place, (long long)i, (int)set->labels[i],
                                   (long long)set->names.n - 1);
    }
    return JUDD_OK;
}

static judd_status check_targets(const judd_label_set *set, judd_task_kind task,
                                 const char *place) {
    int64_t n = set->n_targets;
    if (set->names.n > 0 && set->names.n != n)
        return judd_status_set(JUDD_E_DATA, "%s: %lld targets a sample, but %lld names; name all",
                               place, (long long)n, (long long)set->names.n);
    for (int64_t i = 0; i < set->n * n; i++) {
        float y = set->targets[i];
        if (task == JUDD_MULTILABEL && y != 0.0f && y != 1.0f)
            return judd_status_set(JUDD_E_DATA,
                                   "%s: sample %lld, class %lld: %g is neither 0 nor 1; correct it "
                                   "or set datasets.task = \"regression\"",
                                   place, (long long)(i / n), (long long)(i % n), (double)y);
        if (!isfinite(y))
            return judd_status_set(JUDD_E_DATA,
                                   "%s: sample %lld, column %lld: target is not finite; correct it "
                                   "or leave the sample out",
                                   place, (long long)(i / n), (long long)(i % n));
    }
    return JUDD_OK;
}

/* Rank 0's part of share. */
static judd_status check(const judd_label_set *set, judd_task_kind task, const char *place) {
    if (task == JUDD_NO_TASK) return JUDD_OK;
    if (task == JUDD_CLASSIFICATION) {
        if (set->labels) return check_labels(set, place);
        return judd_status_set(JUDD_E_CONFIG,
                               "%s: the samples have %lld numbers each, not a class; set "
                               "datasets.task to \"multilabel\" or \"regression\"",
                               place, (long long)set->n_targets);
    }
    if (set->targets) return check_targets(set, task, place);
    return judd_status_set(JUDD_E_CONFIG,
                           "%s: the samples have one class each, no targets; set datasets.task = "
                           "\"classification\" or use a format that holds targets (list, npy, "
                           "hdf5)",
                           place);
}

static judd_status share_names(judd_label_set *set, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t bytes = 0;
    for (int64_t i = 0; i < set->names.n; i++) bytes += (int64_t)strlen(set->names.names[i]) + 1;
    int64_t sizes[2] = {set->names.n, bytes};
    JUDD_TRY(judd_comm_broadcast(comm, sizes, sizeof sizes));
    set->n_names = sizes[0];
    if (set->n_names == 0) goto done;
    status = judd_memory_alloc(&set->text, sizes[1], 1);
    if (status == JUDD_OK) status = judd_memory_alloc(&set->name, sizes[0], sizeof *set->name);
    JUDD_TRY(judd_comm_agree(comm, status));
    char *at = set->text;
    for (int64_t i = 0; i < set->names.n; i++) at = stpcpy(at, set->names.names[i]) + 1;
    JUDD_TRY(judd_comm_broadcast(comm, set->text, sizes[1]));
    at = set->text;
    for (int64_t i = 0; i < set->n_names; i++, at += strlen(at) + 1) set->name[i] = at;
done:
    return status;
}

judd_status judd_label_set_share(judd_label_set *set, judd_task_kind task, const char *place,
                                 const judd_comm *comm) {
    judd_status status = JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? check(set, task, place) : JUDD_OK));
    JUDD_TRY(share_names(set, comm));
    int64_t sizes[2] = {set->n, set->n_targets};
    JUDD_TRY(judd_comm_broadcast(comm, sizes, sizeof sizes));
    set->n = sizes[0];
    set->n_targets = sizes[1];
    if (comm->rank == 0 && !set->labels)
        status = judd_scratch_create(&set->label_scratch, set->n * (int64_t)sizeof *set->labels);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_node_memory_share(&set->label_memory, comm, &set->label_scratch));
    set->labels = judd_node_memory_data(set->label_memory);
    if (set->n_targets == 0) goto done;
    JUDD_TRY(judd_node_memory_share(&set->target_memory, comm, &set->target_scratch));
    set->targets = judd_node_memory_data(set->target_memory);
done:
    return status;
}

judd_status judd_label_set_hide(judd_label_set *set, judd_dataset_bad *bad, int64_t n_bad) {
    for (int64_t i = 0; i < n_bad; i++) bad[i].label = set->labels[bad[i].id];
    judd_status status = judd_node_memory_publish(set->label_memory); /* all have read */
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n_bad && judd_node_memory_is_writer(set->label_memory); i++)
        set->labels[bad[i].id] = -1;
    return judd_node_memory_publish(set->label_memory);
}

void judd_label_set_fill(const judd_label_set *set, judd_task_kind task, judd_dataset_info *info) {
    int64_t n_classes = task == JUDD_MULTILABEL ? set->n_targets : 0;
    for (int64_t i = 0; task == JUDD_CLASSIFICATION && i < set->n; i++)
        if (set->labels[i] >= n_classes) n_classes = set->labels[i] + 1;
    if (task == JUDD_CLASSIFICATION && set->n_names > 0) n_classes = set->n_names;
    info->task = task;
    info->n_samples = set->n;
    info->n_classes = (int)n_classes;
    info->labels = set->labels;
    info->n_targets = (int)set->n_targets;
    info->targets = set->targets;
    bool classes = task == JUDD_CLASSIFICATION || task == JUDD_MULTILABEL;
    bool targets = task == JUDD_REGRESSION || task == JUDD_MULTILABEL;
    info->class_names = classes ? set->name : NULL;
    info->target_names = targets ? set->name : NULL;
}
