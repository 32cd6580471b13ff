#include <judd/job/splits.h>

#include <string.h>

static judd_task_kind task_kind(const judd_job_dataset *config) {
    if (strcmp(config->task, "multilabel") == 0) return JUDD_MULTILABEL;
    return strcmp(config->task, "regression") == 0 ? JUDD_REGRESSION : JUDD_CLASSIFICATION;
}

judd_dataset_options judd_splits_options(const judd_job *job, const judd_job_dataset *dataset,
                                         const judd_job_files *files) {
    return (judd_dataset_options){.format = dataset->format,
                                  .images = judd_job_files_path(files),
                                  .labels = files->labels,
                                  .images_name = files->images_name,
                                  .labels_name = files->labels_name,
                                  .text_column = dataset->text_column,
                                  .label_column = dataset->label_column,
                                  .layout = dataset->layout,
                                  .coarse = dataset->coarse,
                                  .dct_side = (int)dataset->dct_side,
                                  .cache = job->cache,
                                  .max_bad_fraction = job->limits.max_bad_fraction,
                                  .task = task_kind(dataset)};
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool judd_splits_equal(const judd_dataset_options *a, const judd_dataset_options *b) {
    return same_text(a->format, b->format) && same_text(a->images, b->images) &&
           same_text(a->labels, b->labels) && same_text(a->images_name, b->images_name) &&
           same_text(a->labels_name, b->labels_name) && same_text(a->text_column, b->text_column) &&
           same_text(a->label_column, b->label_column) && same_text(a->layout, b->layout) &&
           a->coarse == b->coarse && a->dct_side == b->dct_side && a->task == b->task;
}
