/** Which encoded images cannot be decoded. The set follows from their bytes and the decoders alone,
 *  so it is the same at any number of ranks and can be remembered. */
#ifndef JUDD_SRC_DATA_QUARANTINE_H
#define JUDD_SRC_DATA_QUARANTINE_H

#include "data/sample_index.h"

#include <judd/data/dataset.h>

typedef struct judd_quarantine {
    judd_dataset_bad *bad; /* [n], by id */
    int64_t n;
} judd_quarantine;

/** The identity of all images, and which of them are bad: every image is decoded once, the ranks
 *  sharing them, unless options->cache remembers the outcome for these bytes. Images that it has
 * not seen are read once for both. More bad images than options->max_bad_fraction of all are
 *  JUDD_E_DATA that names the first one. sha256: [JUDD_SHA256_HEX]. Collective. */
judd_status judd_quarantine_find(judd_quarantine *out, judd_sample_index *index, char *sha256,
                                 const judd_dataset_options *options, const judd_comm *comm);
void judd_quarantine_free(judd_quarantine *quarantine);

#endif
