#include "data/block_hash.h"
#include "data/look.h"
#include "data/slab.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, MAX_PATTERN = 5, MAX_LABEL = 2 };

typedef struct cifar { /* one version of the format */
    const char *format;
    const char *files[MAX_PATTERN + 1]; /* what a folder stands for, as far as they exist */
    const char *names;                  /* of the file with the class names */
    int label_bytes, label_at, n_classes;
} cifar;

static const cifar cifar10 = {.format = "CIFAR-10",
                              .files = {"data_batch_1.bin", "data_batch_2.bin", "data_batch_3.bin",
                                        "data_batch_4.bin", "data_batch_5.bin"},
                              .names = "batches.meta.txt",
                              .label_bytes = 1,
                              .n_classes = 10};
static const cifar cifar100 = {.format = "CIFAR-100",
                               .files = {"train.bin"},
                               .names = "fine_label_names.txt",
                               .label_bytes = 2,
                               .label_at = 1,
                               .n_classes = 100};
static const cifar cifar100_coarse = {.format = "CIFAR-100",
                                      .files = {"train.bin"},
                                      .names = "coarse_label_names.txt",
                                      .label_bytes = 2,
                                      .label_at = 0,
                                      .n_classes = 20};

/* The one pass over the records: labels, checks and identity. */
typedef struct pass {
    const judd_raw_plan *plan;
    const cifar *format;
    int32_t *labels;
    judd_slab slab;
    int64_t piece, piece_first; /* the file that the last record was in, and its first sample */
} pass;

static judd_status read_record(uint8_t *bytes, pass *p, int64_t sample) {
    const cifar *c = p->format;
    const judd_raw_piece *pieces = p->plan->pieces;
    int64_t record = c->label_bytes + PIXELS;
    while (sample - p->piece_first >= pieces[p->piece].n) p->piece_first += pieces[p->piece++].n;
    int64_t at = sample - p->piece_first;
    const char *path = pieces[p->piece].path;
    judd_status status = judd_slab_read(&p->slab, path, p->piece, at * record, record, bytes);
    int label = bytes[c->label_at];
    if (status == JUDD_OK && label >= c->n_classes)
        status = judd_status_set(JUDD_E_DATA,
                                 "%s: record %lld has label %d, allowed 0 .. %d; is it a %s file?",
                                 path, (long long)at, label, c->n_classes - 1, c->format);
    p->labels[sample] = label;
    return status;
}

static judd_status add_block(void *context, judd_hash *hash, int64_t first, int64_t end,
                             uint64_t *checks) {
    pass *p = context;
    uint8_t record[MAX_LABEL + PIXELS] = {0};
    const uint8_t *pixels = record + p->format->label_bytes;
    judd_raw_shape_hash(hash, &p->plan->shape);
    for (int64_t i = first; i < end; i++) {
        judd_status status = read_record(record, p, i);
        if (status != JUDD_OK) return status;
        judd_hash_add(hash, pixels, PIXELS);
        checks[i - first] = judd_hash_check(pixels, PIXELS, 0);
    }
    return JUDD_OK;
}

static judd_status look_file(judd_raw_plan *plan, const char *path, const cifar *c) {
    judd_status status = JUDD_OK;
    struct stat st;
    int64_t record = c->label_bytes + PIXELS;
    if (stat(path, &st) != 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        JUDD_FAIL(JUDD_E_DATA, "%s: is not a file; name the file itself", path);
    if (st.st_size == 0 || st.st_size % record != 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: %lld bytes are no whole number of %s records of %lld bytes; fetch it again",
                  path, (long long)st.st_size, c->format, (long long)record);
    JUDD_TRY(judd_raw_plan_add(plan, (judd_raw_piece){.path = (char *)(uintptr_t)path,
                                                      .n = st.st_size / record,
                                                      .offset = c->label_bytes,
                                                      .stride = record}));
done:
    return status;
}

static judd_status look_folder(judd_raw_plan *plan, const char *folder, const cifar *c) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    for (int i = 0; i < MAX_PATTERN && c->files[i]; i++) {
        free(path);
        path = NULL;
        JUDD_TRY(judd_memory_format(&path, "%s/%s", folder, c->files[i]));
        if (access(path, F_OK) == 0) JUDD_TRY(look_file(plan, path, c));
    }
    if (plan->n_pieces == 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: holds no %s; name the folder of %s's binary version, or a file",
                  folder, c->files[0], c->format);
done:
    free(path);
    return status;
}

static judd_status look_records(judd_raw_plan *plan, judd_label_set *labels, const cifar *c) {
    judd_status status = JUDD_OK;
    pass p = {.plan = plan, .format = c, .slab = JUDD_SLAB_EMPTY};
    int64_t n = 0;
    for (int64_t i = 0; i < plan->n_pieces; i++) n += plan->pieces[i].n;
    JUDD_TRY(judd_label_set_create(labels, n, 0));
    p.labels = labels->labels;
    JUDD_TRY(judd_block_hash_alone(plan->sha256, &plan->checks, n, JUDD_RAW_BLOCK, add_block, &p));
done:
    judd_slab_close(&p.slab);
    return status;
}

/* The class list given, or the one beside the data if it is there. */
static judd_status look_names(judd_label_set *labels, const char *images, bool is_folder,
                              const char *given, const cifar *c) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    const char *slash = strrchr(images, '/');
    int length = is_folder ? (int)strlen(images) : slash ? (int)(slash - images) : 0;
    if (given)
        JUDD_TRY(judd_memory_string(&path, given));
    else
        JUDD_TRY(judd_memory_format(&path, "%.*s%s%s", length, images,
                                    length > 0 || slash ? "/" : "", c->names));
    if (given || access(path, F_OK) == 0) JUDD_TRY(judd_name_table_read(&labels->names, path));
    if (labels->names.n > 0 && labels->names.n != c->n_classes)
        JUDD_FAIL(JUDD_E_DATA, "%s: %lld names for the %d classes of %s; list all", path,
                  (long long)labels->names.n, c->n_classes, c->format);
done:
    free(path);
    return status;
}

static judd_status look(judd_raw_plan *plan, judd_label_set *labels,
                        const judd_dataset_options *options, const cifar *c) {
    judd_status status = JUDD_OK;
    struct stat st;
    const char *path = options->images;
    if (stat(path, &st) != 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    plan->shape =
        (judd_raw_shape){.type = JUDD_RAW_UINT8, .channels = 3, .height = SIDE, .width = SIDE};
    JUDD_TRY((S_ISDIR(st.st_mode) ? look_folder : look_file)(plan, path, c));
    JUDD_TRY(look_records(plan, labels, c));
    JUDD_TRY(look_names(labels, path, S_ISDIR(st.st_mode), options->labels, c));
done:
    return status;
}

judd_status judd_look_cifar10(judd_raw_plan *plan, judd_label_set *labels,
                              const judd_dataset_options *options) {
    return look(plan, labels, options, &cifar10);
}

judd_status judd_look_cifar100(judd_raw_plan *plan, judd_label_set *labels,
                               const judd_dataset_options *options) {
    return look(plan, labels, options, options->coarse ? &cifar100_coarse : &cifar100);
}
