#include "data/look.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SIDE = 32, PIXELS = 3 * SIDE * SIDE, MAX_PATTERN = 5, BLOCK = 256 };

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

/* Of records 0 .. n-1, for samples from `first` on. */
static judd_status read_labels(judd_label_set *labels, int64_t first, const judd_raw_piece *piece,
                               int fd, const cifar *c) {
    judd_status status = JUDD_OK;
    int64_t record = c->label_bytes + PIXELS;
    uint8_t *block = NULL;
    const char *path = piece->path;
    int64_t n = piece->n;
    JUDD_TRY(judd_memory_alloc(&block, (n < BLOCK ? n : BLOCK) * record, 1));
    for (int64_t i = 0; i < n; i += BLOCK) {
        int64_t k = n - i < BLOCK ? n - i : BLOCK, got = 0;
        for (ssize_t part = 1; got < k * record && part > 0; got += part > 0 ? part : 0)
            part = pread(fd, block + got, (size_t)(k * record - got), i * record + got);
        if (got < k * record) JUDD_FAIL(JUDD_E_IO, "%s: cannot be read to its end", path);
        for (int64_t j = 0; j < k; j++) {
            int label = block[j * record + c->label_at];
            if (label >= c->n_classes)
                JUDD_FAIL(JUDD_E_DATA,
                          "%s: record %lld has label %d, allowed 0 .. %d; is it a %s file?", path,
                          (long long)(i + j), label, c->n_classes - 1, c->format);
            labels->labels[first + i + j] = label;
        }
    }
done:
    free(block);
    return status;
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

static judd_status look_labels(judd_label_set *labels, const judd_raw_plan *plan, const cifar *c) {
    judd_status status = JUDD_OK;
    int64_t n = 0;
    for (int64_t i = 0; i < plan->n_pieces; i++) n += plan->pieces[i].n;
    JUDD_TRY(judd_label_set_create(labels, n, 0));
    for (int64_t i = 0, first = 0; i < plan->n_pieces; first += plan->pieces[i++].n) {
        const char *path = plan->pieces[i].path;
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
        status = read_labels(labels, first, &plan->pieces[i], fd, c);
        close(fd);
        JUDD_TRY(status);
    }
done:
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
    JUDD_TRY(look_labels(labels, plan, c));
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
