#include "data/reader_packed.h"

#include "data/reader_encoded.h"
#include "data/reader_raw.h"

#include <judd/io/h5.h>

#include <stdlib.h>
#include <string.h>

static judd_status look(int64_t *encoded, const char *path) {
    judd_status status = JUDD_OK;
    hid_t file = 0;
    char *kind = NULL;
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_h5_get_string(file, "/", "kind", &kind));
    *encoded = strcmp(kind, "encoded") == 0;
    if (!*encoded && strcmp(kind, "pixels") != 0 && strcmp(kind, "features") != 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: holds \"%.32s\", which this version does not know; pack the "
                  "data set again",
                  path, kind);
done:
    free(kind);
    if (file > 0) (void)judd_h5_close(file, path);
    return status;
}

static judd_status choose(const judd_reader_ops **better, const judd_dataset_options *options,
                          const judd_comm *comm) {
    judd_status status = JUDD_OK;
    int64_t encoded = 0;
    if (comm->rank == 0) status = look(&encoded, options->images);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast(comm, &encoded, sizeof encoded));
    *better = encoded ? &judd_reader_packed_encoded : &judd_reader_packed_raw;
done:
    return status;
}

const judd_reader_ops judd_reader_packed = {.format = "packed", .choose = choose};
