#include "job/shard.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { NAME_SIZE = 64, MAX_TEXT = 1 << 10 };

static void name_shard(char name[NAME_SIZE], const judd_shard *s) {
    if (s->n == 0)
        snprintf(name, NAME_SIZE, "the whole job");
    else
        snprintf(name, NAME_SIZE, "shard %lld-of-%lld", (long long)s->i, (long long)s->n);
}

judd_status judd_shard_folder(char **folder, const char *output, const judd_shard *s) {
    if (s->n == 0) return judd_memory_string(folder, output);
    return judd_memory_format(folder, "%s.%lld-of-%lld", output, (long long)s->i, (long long)s->n);
}

judd_status judd_shard_read(judd_shard *shard, const char *folder) {
    judd_status status = JUDD_OK;
    char *path = NULL, *text = NULL;
    int64_t bytes = 0;
    long long i = 0, n = 0;
    *shard = (judd_shard){0};
    JUDD_TRY(judd_memory_format(&path, "%s/SHARD", folder));
    if (access(path, F_OK) != 0) goto done;
    JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, MAX_TEXT));
    if (sscanf(text, "%lld-of-%lld", &i, &n) != 2 || i < 1 || i > n)
        JUDD_FAIL(JUDD_E_DATA, "%s: names no shard; run the shard again with --fresh", path);
    *shard = (judd_shard){i, n};
done:
    free(path);
    free(text);
    return status;
}

judd_status judd_shard_claim(judd_output *output, const judd_shard *shard) {
    judd_status status = JUDD_OK;
    const char *folder = judd_output_folder(output);
    judd_shard there;
    char *results = NULL, here_name[NAME_SIZE], there_name[NAME_SIZE], text[NAME_SIZE];
    JUDD_TRY(judd_memory_format(&results, "%s/results.jsonl", folder));
    JUDD_TRY(judd_shard_read(&there, folder));
    name_shard(here_name, shard);
    name_shard(there_name, &there);
    bool used = there.n > 0 || access(results, F_OK) == 0;
    if (used && (there.n != shard->n || there.i != shard->i))
        JUDD_FAIL(JUDD_E_USAGE,
                  "%s: holds %s, not %s; choose another output or remove its results with --fresh",
                  folder, there_name, here_name);
    if (shard->n == 0 || there.n > 0) goto done;
    snprintf(text, sizeof text, "%lld-of-%lld\n", (long long)shard->i, (long long)shard->n);
    JUDD_TRY(judd_output_write(output, "SHARD", text));
done:
    free(results);
    return status;
}
