#include "cli/inspect_vectors.h"

#include <judd/base/hash.h>
#include <judd/text/vectors.h>

#include <stdio.h>

static judd_status print(const char *path, const judd_vectors_info *info,
                         const judd_vectors_counts *counts) {
    char hex[JUDD_SHA256_HEX];
    int64_t bytes = 0;
    judd_status status = judd_hash_file(hex, &bytes, path);
    if (status != JUDD_OK) return status;
    printf("%s\nformat    %s, %s\nsha256    %s\nwords     %lld\n", path, info->format,
           info->binary ? "binary" : "text", hex, (long long)counts->n_words);
    printf("vectors   %lld numbers each, all finite\n", (long long)info->dim);
    if (counts->n_spaced > 0)
        printf("spaces    in %lld words, which no text has\n", (long long)counts->n_spaced);
    if (info->n_buckets > 0)
        printf("n-grams   of %d to %d characters in %lld buckets: unknown words have vectors too\n",
               info->least, info->most, (long long)info->n_buckets);
    return JUDD_OK;
}

judd_status judd_inspect_vectors(const judd_comm *comm, const char *path) {
    judd_status status = JUDD_OK;
    judd_vectors *v = NULL;
    judd_vectors_counts counts = {0};
    JUDD_TRY(judd_vectors_open(&v, comm, path, "words"));
    JUDD_TRY(judd_vectors_check(&counts, v));
    status = comm->rank == 0 ? print(path, judd_vectors_info_of(v), &counts) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    judd_vectors_close(v);
    return status;
}
