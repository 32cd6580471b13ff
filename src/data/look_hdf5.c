#include "data/look.h"

#include <judd/base/integers.h>
#include <judd/base/memory.h>
#include <judd/io/h5.h>

#include <stdlib.h>

enum { BLOCK = 1 << 16 };

static judd_status look_array(judd_raw_plan *plan, hid_t file, const char *name,
                              const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    judd_h5_extent e;
    char *place = NULL;
    JUDD_TRY(judd_h5_extent_of(file, name, &e));
    JUDD_TRY(judd_memory_format(&place, "%s: '%s'", options->images, name));
    if (e.offset < 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s lies in the file's metadata or was never written; rewrite it with h5repack "
                  "-l CONTI",
                  place);
    JUDD_TRY(
        judd_raw_shape_of(&plan->shape, e.kind, e.width, e.dims, e.rank, options->layout, place));
    JUDD_TRY(
        judd_raw_plan_add(plan, (judd_raw_piece){.path = (char *)(uintptr_t)options->images,
                                                 .n = e.dims[0],
                                                 .offset = e.offset,
                                                 .stride = judd_raw_shape_bytes(&plan->shape)}));
done:
    free(place);
    return status;
}

/* Some rows at a time. */
static judd_status read_numbers(judd_label_set *labels, hid_t file, const char *name, int64_t n,
                                int64_t columns, const char *place) {
    judd_status status = JUDD_OK;
    double *values = NULL;
    int64_t step = judd_least(n, columns < BLOCK ? BLOCK / columns : 1);
    JUDD_TRY(judd_memory_alloc(&values, step * columns, sizeof *values));
    for (int64_t i = 0; i < n; i += step) {
        int64_t k = n - i < step ? n - i : step;
        JUDD_TRY(judd_h5_read_rows(file, name, H5T_NATIVE_DOUBLE, i, k, values));
        JUDD_TRY(judd_label_set_put(labels, i * columns, values, k * columns, place));
    }
done:
    free(values);
    return status;
}

static judd_status look_labels(judd_label_set *labels, hid_t file, const char *path,
                               const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    const char *name = options->labels_name ? options->labels_name : "labels";
    judd_h5_extent e;
    char **names = NULL, *place = NULL;
    int64_t n_names = 0;
    JUDD_TRY(judd_h5_extent_of(file, name, &e));
    JUDD_TRY(judd_memory_format(&place, "%s: '%s'", path, name));
    if (e.rank != 1 && e.rank != 2)
        JUDD_FAIL(JUDD_E_DATA, "%s: %d dimensions; labels are [n] or [n, targets]", place, e.rank);
    int64_t columns = e.rank == 2 ? e.dims[1] : 1;
    JUDD_TRY(judd_label_set_create_for(labels, options->task, e.dims[0], columns, place));
    JUDD_TRY(read_numbers(labels, file, name, e.dims[0], columns, place));
    if (judd_h5_exists(file, "class_names"))
        JUDD_TRY(judd_h5_read_strings(file, "class_names", &names, &n_names));
    for (int64_t i = 0; i < n_names; i++) {
        JUDD_TRY(judd_status_context(judd_name_table_check(names[i]), "%s: class_names", path));
        JUDD_TRY(judd_name_table_add(&labels->names, names[i]));
    }
done:
    free(names);
    free(place);
    return status;
}

judd_status judd_look_hdf5(judd_raw_plan *plan, judd_label_set *labels,
                           const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    hid_t file = 0, labels_file = 0;
    JUDD_TRY(judd_h5_open_foreign(&file, options->images));
    const char *name = options->images_name;
    if (!name) name = judd_h5_exists(file, "images") ? "images" : "features";
    JUDD_TRY(look_array(plan, file, name, options));
    if (options->task == JUDD_NO_TASK) goto done;
    if (options->labels) JUDD_TRY(judd_h5_open_foreign(&labels_file, options->labels));
    JUDD_TRY(look_labels(labels, options->labels ? labels_file : file,
                         options->labels ? options->labels : options->images, options));
done:
    if (labels_file > 0) (void)judd_h5_close(labels_file, options->labels);
    if (file > 0) (void)judd_h5_close(file, options->images);
    return status;
}
