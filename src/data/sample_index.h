/** Where every encoded image of a data set lies: rank 0's table, one copy a node on its disk. */
#ifndef JUDD_SRC_DATA_SAMPLE_INDEX_H
#define JUDD_SRC_DATA_SAMPLE_INDEX_H

#include "data/sample_table.h"

#include <judd/base/hash.h>
#include <judd/comm/comm.h>

typedef struct judd_sample_index judd_sample_index;

/** Collective over comm, which must outlive it; `table` matters on rank 0 only, and what it holds
 *  is moved. */
judd_status judd_sample_index_create(judd_sample_index **out, const judd_comm *comm,
                                     judd_sample_table *table);
/** Collective. NULL is allowed. */
void judd_sample_index_destroy(judd_sample_index *index);

/** The bytes of one encoded image, on the rank that has read it. */
typedef judd_status (*judd_sample_index_visit)(void *context, int64_t id, const void *bytes,
                                               int64_t n);

/** Read every image once, the ranks sharing them: fixes each one's checksum, which read compares,
 *  and gives the identity of all: SHA-256 over the SHA-256s of blocks of 64 samples in order, each
 *  over name, NUL, size in decimal, NUL, bytes of its samples. Neither the ranks nor where the
 * files lie matter: a folder and a tar of the same names and bytes are the same. What is known
 *  already stays. visit: told of every image on its way, those of a rank in ascending order; may be
 *  NULL. Collective. */
judd_status judd_sample_index_pass(judd_sample_index *index, judd_sample_index_visit visit,
                                   void *context);
/** The identity; nothing is read if the list knew it, or a pass has found it. Collective. */
judd_status judd_sample_index_identify(judd_sample_index *index, char sha256[JUDD_SHA256_HEX]);

int64_t judd_sample_index_count(const judd_sample_index *index);
/** Strings are borrowed. */
const char *judd_sample_index_name(const judd_sample_index *index, int64_t id);
/** XXH3 of an encoded image, once identified. */
uint64_t judd_sample_index_check(const judd_sample_index *index, int64_t id);
/** Bytes of an encoded image. */
int64_t judd_sample_index_size(const judd_sample_index *index, int64_t id);
/** "shard.tar:name" or the path of its own file, for messages. free(). */
judd_status judd_sample_index_place(char **place, const judd_sample_index *index, int64_t id);

/** The bytes of one encoded image, compared with its checksum once there is one. Local. */
judd_status judd_sample_index_read(judd_sample_index *index, int64_t id, void *bytes);

/** Images of a single file are read from a copy on every node from now on, as judd_slab_stage.
 *  Collective. */
judd_status judd_sample_index_stage(judd_sample_index *index);

/** Told of the ids in a pass over all samples, from time to time: a sign of life, and the pages of
 *  the table that lie behind leave this process's memory. Local. */
void judd_sample_index_passed(const judd_sample_index *index, int64_t id);

#endif
