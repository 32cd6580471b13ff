/* bench_dataset FORMAT[:TASK][:coarse][:images=NAME][:labels=NAME][:layout=L] IMAGES LABELS|-
 * CACHE|- MAX_BAD_FRACTION: what is in a data set, as lines that scripts compare; the same at any
 * number of ranks. Exit code and message as the program's. */
#include <judd/base/memory.h>
#include <judd/data/dataset.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *given(const char *argument) {
    return strcmp(argument, "-") == 0 ? NULL : argument;
}

/* Cuts the parts behind colons off the format. */
static void take_parts(judd_dataset_options *o, char *format) {
    char *part = strchr(format, ':');
    while (part) {
        *part++ = '\0';
        char *next = strchr(part, ':'), *value = strchr(part, '=');
        if (next) *next = '\0';
        if (strcmp(part, "multilabel") == 0) o->task = JUDD_MULTILABEL;
        if (strcmp(part, "regression") == 0) o->task = JUDD_REGRESSION;
        if (strcmp(part, "coarse") == 0) o->coarse = true;
        if (strncmp(part, "images=", 7) == 0) o->images_name = value + 1;
        if (strncmp(part, "labels=", 7) == 0) o->labels_name = value + 1;
        if (strncmp(part, "layout=", 7) == 0) o->layout = value + 1;
        if (strncmp(part, "dct=", 4) == 0) o->dct_side = atoi(value + 1);
        part = next;
    }
}

/* Features are the bytes of float32. */
static judd_status print_row(judd_dataset *dataset, int64_t id, int64_t dim) {
    judd_image image = {0};
    judd_status status = judd_dataset_image(dataset, id, &image);
    if (status == JUDD_OK) printf("features\t%lld\nrow", (long long)dim);
    for (int64_t j = 0; status == JUDD_OK && j < dim; j++) {
        float x;
        memcpy(&x, image.pixels + j * (int64_t)sizeof x, sizeof x);
        printf("\t%.9g", (double)x);
    }
    if (status == JUDD_OK) printf("\n");
    judd_image_free(&image);
    return status;
}

static void print_targets(const judd_dataset_info *info) {
    for (int j = 0; info->target_names && j < info->n_targets; j++)
        printf("column\t%s\n", info->target_names[j]);
    for (int64_t i = 0; info->targets && i < info->n_samples; i++) {
        printf("targets");
        for (int j = 0; j < info->n_targets; j++)
            printf("\t%g", (double)info->targets[i * info->n_targets + j]);
        printf("\n");
    }
}

static judd_status print_samples(judd_dataset *dataset, const judd_dataset_info *info) {
    judd_status status = JUDD_OK;
    judd_image image = {0};
    for (int64_t i = 0; i < info->n_samples; i++) {
        if (info->labels[i] < 0) {
            printf("sample\t%lld\t-1\tbad\n", (long long)i);
            continue;
        }
        JUDD_TRY(judd_dataset_image(dataset, i, &image));
        printf("sample\t%lld\t%d\t", (long long)i, info->labels[i]);
        size_t n = (size_t)image.height * (size_t)image.width * (size_t)image.channels;
        printf("%d\t%d\t%d\t%016llx\n", image.height, image.width, image.channels,
               (unsigned long long)judd_hash_check(image.pixels, n, 0));
    }
done:
    judd_image_free(&image);
    return status;
}

static judd_status print(judd_dataset *dataset) {
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    printf("samples\t%lld\nclasses\t%d\nsha256\t%s\n", (long long)info->n_samples, info->n_classes,
           info->sha256);
    for (int c = 0; info->class_names && c < info->n_classes; c++)
        printf("class\t%s\n", info->class_names[c]);
    print_targets(info);
    for (int64_t i = 0; i < info->n_bad; i++)
        printf("bad\t%lld\t%s\t%lld\t%s\n", (long long)info->bad[i].id, info->bad[i].path,
               (long long)info->bad[i].offset, info->bad[i].reason);
    if (info->feature_dim > 0) {
        judd_status status = print_row(dataset, 0, info->feature_dim);
        if (status != JUDD_OK) return status;
    }
    return print_samples(dataset, info);
}

static judd_status show(const judd_comm *comm, char *const arguments[5]) {
    judd_status status = JUDD_OK;
    judd_dataset *dataset = NULL;
    judd_dataset_options o = {.format = arguments[0],
                              .images = arguments[1],
                              .labels = given(arguments[2]),
                              .cache = given(arguments[3]),
                              .max_bad_fraction = atof(arguments[4])};
    take_parts(&o, arguments[0]);
    JUDD_TRY(judd_dataset_open(&dataset, comm, &o));
    JUDD_TRY(judd_dataset_load(dataset));
    JUDD_TRY(judd_comm_agree(comm, comm->rank == 0 ? print(dataset) : JUDD_OK));
done:
    if (status != JUDD_OK && comm->rank == 0) printf("error\t%s\n", judd_status_message());
    if (comm->rank == 0) printf("end\t%d\n", status);
    judd_dataset_close(dataset);
    return status;
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    judd_comm comm = {0};
    if (argc % 5 != 1 || judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return JUDD_E_USAGE;
    for (int i = 1; i < argc; i += 5) (void)show(&comm, argv + i);
    judd_comm_close(&comm);
    MPI_Finalize();
    return JUDD_OK;
}
