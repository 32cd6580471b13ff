/** Are Judd's own files what they should be? */
#ifndef JUDD_JOB_VERIFY_H
#define JUDD_JOB_VERIFY_H

#include <judd/comm/comm.h>

/** Recognise `path` by its content (a feature cache or a folder of them, a checkpoint, a head,
 *  predictions, an output folder), compare every checksum in it and print what was found on stdout.
 *  Nothing is changed. JUDD_E_DATA names the first damage. Rows that are missing from a cache are
 *  counted and no damage. Collective; the ranks share the reading of a cache. */
judd_status judd_verify(const judd_comm *comm, const char *path);

#endif
