#include "cli/inspect_dataset.h"

#include "cli/dataset_argument.h"

#include <judd/base/memory.h>
#include <judd/image/header.h>
#include <judd/image/sheet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHEET_ROWS = 40, SHEET_COLUMNS = 12, MAX_KINDS = 12, MAX_BAD_SHOWN = 10 };

bool judd_inspect_is_dataset(judd_arguments *a) {
    return a->n && (judd_arguments_has(a, "--sheet") || judd_arguments_has(a, "--format") ||
                    judd_dataset_argument_is_one(a->operands[0]));
}

/* ---- sizes ------------------------------------------------------------------------------------
 */

typedef struct kind_row {
    const char *kind;
    int bits;
    int64_t n;
} kind_row;

typedef struct sizes {
    judd_image_header least, most; /* of height and width, each on its own */
    int64_t n;
    kind_row kinds[MAX_KINDS];
    int n_kinds;
} sizes;

static void note(sizes *s, const judd_image_header *h) {
    if (s->n++ == 0) s->least = s->most = *h;
    if (h->height < s->least.height) s->least.height = h->height;
    if (h->width < s->least.width) s->least.width = h->width;
    if (h->height > s->most.height) s->most.height = h->height;
    if (h->width > s->most.width) s->most.width = h->width;
    int k = 0;
    while (k < s->n_kinds &&
           (strcmp(s->kinds[k].kind, h->kind) != 0 || s->kinds[k].bits != h->bits))
        k++;
    if (k == MAX_KINDS) return;
    if (k == s->n_kinds) s->kinds[s->n_kinds++] = (kind_row){.kind = h->kind, .bits = h->bits};
    s->kinds[k].n++;
}

static judd_status measure(sizes *s, judd_dataset *dataset) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    uint8_t *bytes = NULL;
    int64_t most = 0;
    for (int64_t i = 0; i < info->n_samples; i++)
        if (judd_dataset_size(dataset, i) > most) most = judd_dataset_size(dataset, i);
    JUDD_TRY(judd_memory_alloc(&bytes, most, 1));
    for (int64_t i = 0; i < info->n_samples; i++) {
        judd_image_header h;
        if (info->labels[i] < 0) continue;
        JUDD_TRY(judd_dataset_read(dataset, &i, 1, bytes));
        if (judd_image_header_read(&h, bytes, judd_dataset_size(dataset, i))) note(s, &h);
    }
done:
    free(bytes);
    return status;
}

static void print_lengths(judd_dataset *dataset) {
    int64_t n = judd_dataset_info_of(dataset)->n_samples, least = INT64_MAX, most = 0, empty = 0;
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        int64_t bytes = judd_dataset_size(dataset, i);
        if (bytes < least) least = bytes;
        if (bytes > most) most = bytes;
        empty += bytes == 0;
        sum += (double)bytes;
    }
    printf("texts     %lld to %lld bytes, mean %.1f; %lld empty\n", (long long)least,
           (long long)most, sum / (double)n, (long long)empty);
}

static judd_status print_sizes(judd_dataset *dataset) {
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    sizes s = {.n = 0};
    if (info->feature_dim > 0) {
        printf("features  %lld a sample\n", (long long)info->feature_dim);
        return JUDD_OK;
    }
    if (info->text) {
        print_lengths(dataset);
        return JUDD_OK;
    }
    if (!info->encoded) {
        printf("images    %d x %d x %d (channels, height, width), uint8\n", info->channels,
               info->height, info->width);
        return JUDD_OK;
    }
    judd_status status = measure(&s, dataset);
    if (status != JUDD_OK) return status;
    printf("height    %d to %d\nwidth     %d to %d\n", s.least.height, s.most.height, s.least.width,
           s.most.width);
    for (int k = 0; k < s.n_kinds; k++)
        printf("kind      %s, %d bits: %lld\n", s.kinds[k].kind, s.kinds[k].bits,
               (long long)s.kinds[k].n);
    return JUDD_OK;
}

/* ---- labels -----------------------------------------------------------------------------------
 */

static const char *name_of(const char *const *names, int i, char text[32]) {
    if (names) return names[i];
    snprintf(text, 32, "%d", i);
    return text;
}

static judd_status print_classes(const judd_dataset_info *info) {
    judd_status status = JUDD_OK;
    int64_t *counts = NULL, least = INT64_MAX, most = 0;
    int n = info->n_classes;
    char text[32];
    JUDD_TRY(judd_memory_alloc(&counts, n, sizeof *counts));
    for (int64_t i = 0; i < info->n_samples; i++) {
        if (info->labels[i] < 0) continue;
        if (!info->targets) counts[info->labels[i]]++;
        for (int c = 0; info->targets && c < n; c++) counts[c] += info->targets[i * n + c] != 0.0f;
    }
    for (int c = 0; c < n; c++) {
        if (counts[c] < least) least = counts[c];
        if (counts[c] > most) most = counts[c];
    }
    printf("classes   %d, of %lld to %lld samples\n", n, (long long)least, (long long)most);
    for (int c = 0; c < n; c++)
        printf("  %5d  %-24s %10lld%s\n", c, name_of(info->class_names, c, text),
               (long long)counts[c], counts[c] ? "" : "  (empty)");
done:
    free(counts);
    return status;
}

static void print_columns(const judd_dataset_info *info) {
    char text[32];
    printf("targets   %d\n", info->n_targets);
    for (int c = 0; c < info->n_targets; c++) {
        double sum = 0.0;
        float least = 0.0f, most = 0.0f;
        for (int64_t i = 0; i < info->n_samples; i++) {
            float y = info->targets[i * info->n_targets + c];
            if (i == 0 || y < least) least = y;
            if (i == 0 || y > most) most = y;
            sum += (double)y;
        }
        printf("  %5d  %-24s %g to %g, mean %g\n", c, name_of(info->target_names, c, text),
               (double)least, (double)most, sum / (double)info->n_samples);
    }
}

static void print_bad(const judd_dataset_info *info) {
    printf("bad       %lld\n", (long long)info->n_bad);
    for (int64_t i = 0; i < info->n_bad && i < MAX_BAD_SHOWN; i++)
        printf("  %s: %s (byte %lld)\n", info->bad[i].path, info->bad[i].reason,
               (long long)info->bad[i].offset);
    if (info->n_bad > MAX_BAD_SHOWN)
        printf("  and %lld more\n", (long long)info->n_bad - MAX_BAD_SHOWN);
}

/* ---- sheet ------------------------------------------------------------------------------------
 */

/* Row r shows samples of class r, evenly spaced; without classes, of the r-th part of all. */
static int64_t group_of(const judd_dataset_info *info, int64_t id, int n_rows) {
    if (info->labels[id] < 0) return -1;
    if (!info->targets) return info->labels[id];
    return id * n_rows / info->n_samples;
}

static judd_status draw_row(judd_sheet *sheet, judd_dataset *dataset, int row) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    judd_image image = {0};
    int64_t n = 0, k = 0, column = 0;
    for (int64_t i = 0; i < info->n_samples; i++) n += group_of(info, i, sheet->rows) == row;
    for (int64_t i = 0; i < info->n_samples && column < SHEET_COLUMNS; i++) {
        if (group_of(info, i, sheet->rows) != row) continue;
        if (k++ * SHEET_COLUMNS < column * n) continue;
        JUDD_TRY(judd_dataset_image(dataset, i, &image));
        JUDD_TRY(judd_sheet_put(sheet, row, (int)column++, &image));
    }
done:
    judd_image_free(&image);
    return status;
}

static judd_status draw(const char *path, judd_dataset *dataset) {
    judd_status status = JUDD_OK;
    judd_sheet sheet = {0};
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    int rows = info->targets ? SHEET_COLUMNS : info->n_classes;
    if (info->feature_dim > 0 || info->text)
        JUDD_FAIL(JUDD_E_USAGE, "inspect: --sheet needs images; the data set holds %s",
                  info->text ? "texts" : "features");
    if (rows > SHEET_ROWS) rows = SHEET_ROWS;
    JUDD_TRY(judd_sheet_create(&sheet, rows, SHEET_COLUMNS));
    for (int row = 0; row < rows; row++) JUDD_TRY(draw_row(&sheet, dataset, row));
    JUDD_TRY(judd_sheet_write(&sheet, path));
    printf("sheet     %s: %s%d\n", path,
           info->targets ? "parts 1 to " : "a row each of classes 0 to ",
           info->targets ? rows : rows - 1);
done:
    judd_sheet_free(&sheet);
    return status;
}

static judd_status print_all(judd_dataset *dataset, const char *name, const char *sheet) {
    judd_status status = JUDD_OK;
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    printf("%s\nformat    %s\nsha256    %s\nsamples   %lld\n", name, judd_dataset_format(dataset),
           info->sha256, (long long)info->n_samples);
    JUDD_TRY(print_sizes(dataset));
    print_bad(info);
    if (info->task == JUDD_REGRESSION)
        print_columns(info);
    else
        JUDD_TRY(print_classes(info));
    if (sheet) JUDD_TRY(draw(sheet, dataset));
done:
    return status;
}

judd_status judd_inspect_dataset(const judd_comm *comm, judd_arguments *arguments) {
    judd_status status = JUDD_OK;
    judd_dataset_argument a = {0};
    judd_dataset *dataset = NULL;
    const char *sheet = NULL;
    JUDD_TRY(judd_comm_agree(comm, judd_arguments_output(&sheet, arguments, "--sheet")));
    JUDD_TRY(judd_comm_agree(comm, judd_dataset_argument_read(&a, arguments, 0)));
    JUDD_TRY(judd_dataset_argument_open(&dataset, &a, comm));
    JUDD_TRY(judd_comm_broadcast_status(comm, comm->rank == 0 ? print_all(dataset, a.text, sheet)
                                                              : JUDD_OK));
done:
    judd_dataset_close(dataset);
    judd_dataset_argument_free(&a);
    return status;
}
