#include "job/bad_images.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t write_lines(FILE *file, const judd_inputs *inputs) {
    int64_t n = 0;
    fprintf(file, "path\treason\toffset\n");
    for (int64_t s = 0; s < inputs->n_splits; s++) {
        const judd_dataset_info *info = judd_dataset_info_of(inputs->splits[s]);
        for (int64_t i = 0; i < info->n_bad; i++)
            fprintf(file, "%s\t%s\t%lld\n", info->bad[i].path, info->bad[i].reason,
                    (long long)info->bad[i].offset);
        n += info->n_bad;
    }
    return n;
}

judd_status judd_bad_images_write(judd_output *output, const judd_inputs *inputs, judd_log *log) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    size_t bytes = 0;
    FILE *memory = open_memstream(&text, &bytes);
    if (!memory) JUDD_FAIL(JUDD_E_INTERNAL, "quarantine: no memory");
    int64_t n = write_lines(memory, inputs);
    bool failed = ferror(memory);
    if (fclose(memory) != 0 || failed) JUDD_FAIL(JUDD_E_INTERNAL, "quarantine: no memory");
    if (n == 0) goto done;
    JUDD_TRY(judd_output_write(output, "quarantine.tsv", text));
    judd_log_warning(log, "%lld bad image%s left out: %s/quarantine.tsv", (long long)n,
                     n == 1 ? "" : "s", judd_output_folder(output));
done:
    free(text);
    return status;
}
