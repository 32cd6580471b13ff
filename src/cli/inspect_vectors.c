#include "cli/inspect_vectors.h"

#include <judd/text/vectors.h>

#include <stdio.h>

static void print(const char *path, const judd_vectors_info *info) {
    printf("%s\nformat    %s, %s\nsha256    %s\nwords     %lld\n", path, info->format,
           info->binary ? "binary" : "text", info->sha256, (long long)info->n_words);
    printf("vectors   %lld numbers each, all finite\n", (long long)info->dim);
    if (info->n_spaced > 0)
        printf("spaces    in %lld words, which no text has\n", (long long)info->n_spaced);
    if (info->n_buckets > 0)
        printf("n-grams   of %d to %d characters in %lld buckets: unknown words have vectors too\n",
               info->least, info->most, (long long)info->n_buckets);
}

judd_status judd_inspect_vectors(const judd_comm *comm, const char *path) {
    judd_vectors *v = NULL;
    judd_status status = judd_vectors_open(&v, comm, path, "words", JUDD_VECTORS_NUMBERS);
    if (status == JUDD_OK && comm->rank == 0) print(path, judd_vectors_info_of(v));
    judd_vectors_close(v);
    return status;
}
