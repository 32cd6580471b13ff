/** The families of scores; judd/transfer/scores.h says what they are. Values may come out as not
 *  finite; scores.c makes a reason of that. */
#ifndef JUDD_SRC_TRANSFER_FAMILIES_H
#define JUDD_SRC_TRANSFER_FAMILIES_H

#include "transfer/spectrum.h"

/* From the spectrum. Local. */
double judd_evidence_logme(const judd_spectrum *s);
double judd_h_score_plain(const judd_spectrum *s);
double judd_h_score_regularised(const judd_spectrum *s);
double judd_coding_rate_transrate(const judd_spectrum *s);
double judd_probes_ridge(const judd_spectrum *s);

/** leep and nce from the source network's outputs before the softmax. Collective. */
judd_status judd_label_transfer_measure(double *leep, double *nce, const judd_rows *outputs,
                                        int n_classes, const judd_comm *comm);

/** Collective. */
judd_status judd_probes_centroid(double *accuracy, const judd_rows *features,
                                 const judd_moments *moments, const judd_comm *comm);

#endif
