#include <judd/data/task.h>

#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A sample with the random bits that rank it within its class. */
typedef struct task_entry {
    uint64_t bits;
    int64_t index; /* into the samples; ids ascend with it, so it breaks ties as the id would */
    int32_t label;
} task_entry;

static int compare_entries(const void *a, const void *b) {
    const task_entry *x = a, *y = b;
    if (x->label != y->label) return x->label < y->label ? -1 : 1;
    if (x->bits != y->bits) return x->bits < y->bits ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* All samples sorted by class, then by the bits of (seed, purpose, id). */
static judd_status rank_samples(task_entry **out, const judd_task_samples *samples, int n_classes,
                                uint64_t seed, judd_rng_purpose purpose) {
    judd_status status = JUDD_OK;
    task_entry *entries = NULL;
    JUDD_TRY(judd_memory_alloc(&entries, samples->n, sizeof *entries));
    for (int64_t i = 0; i < samples->n; i++) {
        int32_t label = samples->labels[i];
        if (label < 0 || label >= n_classes)
            JUDD_FAIL(JUDD_E_INTERNAL, "task sample %lld has label %d of %d classes", (long long)i,
                      (int)label, n_classes);
        entries[i].bits = judd_rng_bits(seed, purpose, 0, (uint64_t)samples->ids[i]);
        entries[i].index = i;
        entries[i].label = label;
    }
    qsort(entries, (size_t)samples->n, sizeof *entries, compare_entries);
    *out = entries;
    entries = NULL;
done:
    free(entries);
    return status;
}

static judd_status alloc_samples(judd_task_samples *out, int64_t n, int n_targets) {
    out->n = n;
    out->n_targets = n_targets;
    judd_status status = judd_memory_alloc(&out->ids, n, sizeof *out->ids);
    if (status == JUDD_OK) status = judd_memory_alloc(&out->labels, n, sizeof *out->labels);
    if (status == JUDD_OK && n_targets > 0)
        status = judd_memory_alloc(&out->targets, n * n_targets, sizeof *out->targets);
    return status;
}

/* map[label] = task label or -1, for labels 0 .. n_map-1. */
static judd_status make_map(int32_t *map, int64_t n_map, const int32_t *classes, int n_classes) {
    for (int64_t i = 0; i < n_map; i++) map[i] = -1;
    for (int c = 0; c < n_classes; c++) {
        if (classes[c] < 0 || classes[c] >= n_map) continue; /* a class without samples */
        if (map[classes[c]] >= 0)
            return judd_status_set(JUDD_E_DATA, "class %d is listed twice; correct classes",
                                   (int)classes[c]);
        map[classes[c]] = c;
    }
    return JUDD_OK;
}

/* At least one sample, and one of each class if every one is asked for. */
static judd_status check_present(const int64_t *counts, const int32_t *classes, int n_classes,
                                 int64_t total, bool every) {
    if (total == 0)
        return judd_status_set(JUDD_E_DATA, "no sample of the task's classes; correct classes");
    for (int c = 0; every && c < n_classes; c++)
        if (counts[c] == 0)
            return judd_status_set(JUDD_E_DATA,
                                   "class %d has no sample; name the others in datasets.classes",
                                   (int)classes[c]);
    return JUDD_OK;
}

static judd_status check_columns(const judd_dataset_info *info, const int32_t *classes, int n) {
    for (int c = 0; c < n; c++)
        if (classes[c] < 0 || classes[c] >= info->n_targets)
            return judd_status_set(JUDD_E_DATA, "class %d of %d targets; correct classes",
                                   (int)classes[c], info->n_targets);
    return JUDD_OK;
}

/* Every good sample, with the targets of the columns classes [n]. */
static judd_status select_targets(judd_task_samples *out, const judd_dataset_info *info,
                                  const int32_t *classes, int n) {
    judd_status status = JUDD_OK;
    judd_task_samples made = {0};
    int64_t total = 0;
    JUDD_TRY(check_columns(info, classes, n));
    for (int64_t i = 0; i < info->n_samples; i++) total += info->labels[i] >= 0;
    JUDD_TRY(alloc_samples(&made, total, n > 0 ? n : info->n_targets));
    for (int64_t i = 0, k = 0; i < info->n_samples; i++) {
        if (info->labels[i] < 0) continue;
        const float *row = info->targets + i * info->n_targets;
        for (int c = 0; c < made.n_targets; c++)
            made.targets[k * made.n_targets + c] = row[n > 0 ? classes[c] : c];
        made.ids[k++] = i;
    }
    *out = made;
    memset(&made, 0, sizeof made);
done:
    judd_task_free(&made);
    return status;
}

/* map[label]: task label or -1; counts of the task's classes, checked. */
static judd_status count_classes(int32_t **map, int64_t *total, const judd_dataset_info *info,
                                 const int32_t *classes, int n_classes, bool every) {
    judd_status status = JUDD_OK;
    const int32_t *labels = info->labels;
    int64_t *counts = NULL, n_map = 0;
    *total = 0;
    for (int64_t i = 0; i < info->n_samples; i++)
        if (labels[i] >= n_map) n_map = (int64_t)labels[i] + 1;
    JUDD_TRY(judd_memory_alloc(map, n_map, sizeof **map));
    JUDD_TRY(judd_memory_alloc(&counts, n_classes, sizeof *counts));
    JUDD_TRY(make_map(*map, n_map, classes, n_classes));
    for (int64_t i = 0; i < info->n_samples; i++)
        if (labels[i] >= 0 && (*map)[labels[i]] >= 0) {
            counts[(*map)[labels[i]]]++;
            ++*total;
        }
    JUDD_TRY(check_present(counts, classes, n_classes, *total, every));
done:
    free(counts);
    return status;
}

judd_status judd_task_select(judd_task_samples *out, const judd_dataset_info *info,
                             const int32_t *classes, int n_classes, bool every) {
    judd_status status = JUDD_OK;
    const int32_t *labels = info->labels;
    judd_task_samples made = {0};
    int32_t *map = NULL;
    int64_t total = 0;
    memset(out, 0, sizeof *out);
    if (info->n_targets > 0) return select_targets(out, info, classes, n_classes);
    JUDD_TRY(count_classes(&map, &total, info, classes, n_classes, every));
    JUDD_TRY(alloc_samples(&made, total, 0));
    for (int64_t i = 0, k = 0; i < info->n_samples; i++)
        if (labels[i] >= 0 && map[labels[i]] >= 0) {
            made.ids[k] = i;
            made.labels[k++] = map[labels[i]];
        }
    *out = made;
    memset(&made, 0, sizeof made);
done:
    judd_task_free(&made);
    free(map);
    return status;
}

judd_status judd_task_ids(judd_id_set *out, const judd_dataset_info *info, const int32_t *classes,
                          int n_classes, bool every) {
    judd_status status = JUDD_OK;
    const int32_t *labels = info->labels;
    int32_t *map = NULL;
    int64_t total = 0;
    if (info->n_targets > 0)
        JUDD_TRY(check_columns(info, classes, n_classes));
    else
        JUDD_TRY(count_classes(&map, &total, info, classes, n_classes, every));
    for (int64_t i = 0; i < info->n_samples; i++)
        if (labels[i] >= 0 && (!map || map[labels[i]] >= 0))
            JUDD_TRY(judd_id_set_add(out, i, i + 1));
done:
    free(map);
    return status;
}

/* Marks the first `shots` of every class (0: all). entries: sorted, [n]. */
static judd_status mark_shots(uint8_t *taken, const task_entry *entries, int64_t n, int n_classes,
                              int64_t shots) {
    for (int64_t c = 0, i = 0; c < n_classes; c++) {
        int64_t have = 0;
        for (; i < n && entries[i].label == c; i++, have++)
            if (shots == 0 || have < shots) taken[entries[i].index] = 1;
        if (have < shots || have == 0)
            return judd_status_set(
                JUDD_E_DATA,
                "class %lld of the task has %lld sample%s, %lld shots asked; ask "
                "for fewer shots",
                (long long)c, (long long)have, have == 1 ? "" : "s", (long long)shots);
    }
    return JUDD_OK;
}

/* The samples that are marked with `mark`, without folds. */
static judd_status take_marked(judd_task_samples *out, const judd_task_samples *all,
                               const uint8_t *marks, int mark) {
    int64_t total = 0, t = all->n_targets;
    for (int64_t i = 0; i < all->n; i++) total += marks[i] == mark;
    judd_status status = alloc_samples(out, total, all->n_targets);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0, k = 0; i < all->n; i++) {
        if (marks[i] != mark) continue;
        if (t > 0)
            memcpy(out->targets + k * t, all->targets + i * t, (size_t)t * sizeof *out->targets);
        out->ids[k] = all->ids[i];
        out->labels[k++] = all->labels[i];
    }
    return JUDD_OK;
}

judd_status judd_task_draw_shots(judd_task_samples *out, const judd_task_samples *all,
                                 int n_classes, int64_t shots, uint64_t seed) {
    judd_status status = JUDD_OK;
    judd_task_samples made = {0};
    task_entry *entries = NULL;
    uint8_t *taken = NULL;
    memset(out, 0, sizeof *out);
    if (shots < 0) JUDD_FAIL(JUDD_E_CONFIG, "shots = %lld; set 0 (all) or more", (long long)shots);
    if (all->targets) n_classes = 1;
    JUDD_TRY(rank_samples(&entries, all, n_classes, seed, JUDD_RNG_SHOTS));
    JUDD_TRY(judd_memory_alloc(&taken, all->n, 1));
    JUDD_TRY(mark_shots(taken, entries, all->n, n_classes, shots));
    JUDD_TRY(take_marked(&made, all, taken, 1));
    *out = made;
    memset(&made, 0, sizeof made);
done:
    judd_task_free(&made);
    free(taken);
    free(entries);
    return status;
}

judd_status judd_task_deal_folds(judd_task_samples *samples, int n_classes, int n_folds,
                                 uint64_t seed) {
    judd_status status = JUDD_OK;
    task_entry *entries = NULL;
    int16_t *folds = NULL;
    if (n_folds < 1 || n_folds > INT16_MAX)
        JUDD_FAIL(JUDD_E_CONFIG, "folds = %d; set 1 .. %d", n_folds, INT16_MAX);
    JUDD_TRY(
        rank_samples(&entries, samples, samples->targets ? 1 : n_classes, seed, JUDD_RNG_FOLDS));
    JUDD_TRY(judd_memory_alloc(&folds, samples->n, sizeof *folds));
    /* A class goes on where the one before stopped: folds are even within classes and in total. */
    for (int64_t i = 0; i < samples->n; i++) folds[entries[i].index] = (int16_t)(i % n_folds);
    free(samples->folds);
    samples->folds = folds;
done:
    free(entries);
    return status;
}

judd_status judd_task_add_views(judd_task_samples *samples, int n_views, int64_t n_files) {
    judd_status status = JUDD_OK;
    judd_task_samples all = {0};
    int64_t n = samples->n, t = samples->n_targets;
    JUDD_TRY(alloc_samples(&all, n * n_views, samples->n_targets));
    if (samples->folds) JUDD_TRY(judd_memory_alloc(&all.folds, all.n, sizeof *all.folds));
    for (int64_t k = 0; k < all.n; k++) {
        all.ids[k] = k / n * n_files + samples->ids[k % n];
        all.labels[k] = samples->labels[k % n];
        if (all.folds) all.folds[k] = samples->folds[k % n];
        if (all.targets)
            memcpy(all.targets + k * t, samples->targets + k % n * t,
                   (size_t)t * sizeof *all.targets);
    }
    judd_task_free(samples);
    *samples = all;
    all = (judd_task_samples){0};
done:
    judd_task_free(&all);
    return status;
}

/* Marks the test part of every class. entries: sorted, [n]. */
static judd_status mark_part(uint8_t *marks, const task_entry *entries, int64_t n,
                             double fraction) {
    for (int64_t i = 0, end; i < n; i = end) {
        end = i;
        while (end < n && entries[end].label == entries[i].label) end++;
        int64_t part = (int64_t)floor(fraction * (double)(end - i) + 0.5);
        if (part == 0) part = 1;
        if (part == end - i)
            return judd_status_set(
                JUDD_E_DATA,
                "class %d of the task has %lld sample%s, of which the fraction %g leaves none to "
                "train on; %s",
                (int)entries[i].label, (long long)(end - i), part == 1 ? "" : "s", fraction,
                part == 1 ? "take more samples of it, or name the others in datasets.classes"
                          : "lower it");
        for (int64_t k = i; k < i + part; k++) marks[entries[k].index] = 1;
    }
    return JUDD_OK;
}

judd_status judd_task_divide(judd_task_samples *samples, judd_task_samples *part, int n_classes,
                             double fraction, uint64_t seed) {
    judd_status status = JUDD_OK;
    judd_task_samples rest = {0}, taken = {0};
    task_entry *entries = NULL;
    uint8_t *marks = NULL;
    JUDD_TRY(
        rank_samples(&entries, samples, samples->targets ? 1 : n_classes, seed, JUDD_RNG_SPLIT));
    JUDD_TRY(judd_memory_alloc(&marks, samples->n, 1));
    JUDD_TRY(mark_part(marks, entries, samples->n, fraction));
    JUDD_TRY(take_marked(&rest, samples, marks, 0));
    JUDD_TRY(take_marked(&taken, samples, marks, 1));
    judd_task_free(samples);
    *samples = rest;
    *part = taken;
    rest = taken = (judd_task_samples){0};
done:
    judd_task_free(&rest);
    judd_task_free(&taken);
    free(marks);
    free(entries);
    return status;
}

judd_status judd_task_join(judd_task_samples *out, const judd_task_samples *const *parts,
                           int n_parts) {
    judd_status status = JUDD_OK;
    judd_task_samples made = {0};
    int64_t total = 0, at = 0, width = parts[0]->targets ? parts[0]->n_targets : 0;
    for (int p = 0; p < n_parts; p++) total += parts[p]->n;
    JUDD_TRY(alloc_samples(&made, total, (int)width));
    for (int p = 0; p < n_parts; at += parts[p++]->n) {
        size_t n = (size_t)parts[p]->n;
        if (n == 0) continue; /* it may have no arrays */
        memcpy(made.ids + at, parts[p]->ids, n * sizeof *made.ids);
        memcpy(made.labels + at, parts[p]->labels, n * sizeof *made.labels);
        if (width > 0)
            memcpy(made.targets + at * width, parts[p]->targets,
                   n * (size_t)width * sizeof *made.targets);
    }
    *out = made;
    memset(&made, 0, sizeof made);
done:
    judd_task_free(&made);
    return status;
}

void judd_task_relabel(judd_task_samples *s, const int32_t *label) {
    int64_t kept = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (label[s->labels[i]] < 0) continue;
        s->ids[kept] = s->ids[i];
        s->labels[kept] = label[s->labels[i]];
        if (s->folds) s->folds[kept] = s->folds[i];
        kept++;
    }
    s->n = kept;
}

void judd_task_add_noise(judd_task_samples *s, int n_classes, double share, uint64_t seed) {
    for (int64_t i = 0; i < s->n; i++) {
        double u =
            (double)(judd_rng_bits(seed, JUDD_RNG_NOISE, 0, (uint64_t)s->ids[i]) >> 11) * 0x1p-53;
        uint64_t other = judd_rng_bits(seed, JUDD_RNG_NOISE, 1, (uint64_t)s->ids[i]);
        if (u < share && n_classes > 1)
            s->labels[i] =
                (int32_t)(((uint64_t)s->labels[i] + 1 + other % (uint64_t)(n_classes - 1)) %
                          (uint64_t)n_classes);
    }
}

void judd_task_free(judd_task_samples *samples) {
    if (!samples) return;
    free(samples->ids);
    free(samples->labels);
    free(samples->folds);
    free(samples->targets);
    memset(samples, 0, sizeof *samples);
}
