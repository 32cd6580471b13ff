#include "data/look_packed.h"

#include "data/packed.h"

#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

/* Moves labels, targets and names. A class list given with the data set has precedence. */
static judd_status take_labels(judd_label_set *labels, judd_packed *p,
                               const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    labels->n = p->n;
    if (p->n_targets > 0) {
        labels->n_targets = p->n_targets;
        labels->targets = p->targets;
        p->targets = NULL;
    } else {
        labels->labels = p->labels;
        p->labels = NULL;
    }
    if (options->labels) JUDD_TRY(judd_name_table_read(&labels->names, options->labels));
    for (int64_t i = 0; !options->labels && i < p->n_names; i++) {
        JUDD_TRY(judd_name_table_check(p->label_names[i]));
        JUDD_TRY(judd_name_table_add(&labels->names, p->label_names[i]));
    }
done:
    return judd_status_context(status, "%s", options->images);
}

judd_status judd_look_packed_list(judd_sample_list *list, judd_label_set *labels,
                                  const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    judd_packed p = {0};
    JUDD_TRY(judd_packed_read(&p, options->images));
    JUDD_TRY(judd_sample_list_add_file(list, options->images));
    const char *name = p.names;
    for (int64_t i = 0; i < p.n; i++, name += strlen(name) + 1) {
        JUDD_TRY(judd_sample_list_add(list, name, NULL, 0, p.bytes_at + p.offsets[i],
                                      p.offsets[i + 1] - p.offsets[i]));
        list->samples[i].check = p.checks[i];
    }
    memcpy(list->sha256, p.sha256, sizeof list->sha256);
    JUDD_TRY(take_labels(labels, &p, options));
done:
    judd_packed_free(&p);
    return status;
}

judd_status judd_look_packed_array(judd_raw_plan *plan, judd_label_set *labels,
                                   const judd_dataset_options *options) {
    judd_status status = JUDD_OK;
    judd_packed p = {0};
    JUDD_TRY(judd_packed_read(&p, options->images));
    int64_t pixels[4] = {p.n, p.channels, p.height, p.width}, features[2] = {p.n, p.feature_dim};
    int64_t last[4] = {p.n, p.height, p.width, p.channels};
    if (p.feature_dim > 0)
        JUDD_TRY(judd_raw_shape_of(&plan->shape, 'f', 4, features, 2, NULL, options->images));
    else
        JUDD_TRY(judd_raw_shape_of(&plan->shape, 'u', 1, p.channels_last ? last : pixels, 4,
                                   p.channels_last ? "channels_last" : "channels_first",
                                   options->images));
    JUDD_TRY(
        judd_raw_plan_add(plan, (judd_raw_piece){.path = (char *)(uintptr_t)options->images,
                                                 .n = p.n,
                                                 .offset = p.bytes_at,
                                                 .stride = judd_raw_shape_bytes(&plan->shape)}));
    plan->checks = p.checks;
    p.checks = NULL;
    memcpy(plan->sha256, p.sha256, sizeof plan->sha256);
    JUDD_TRY(take_labels(labels, &p, options));
done:
    judd_packed_free(&p);
    return status;
}
