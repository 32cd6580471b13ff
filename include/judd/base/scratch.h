/** Memory that need not be memory: pages of a temporary file, which the system may put aside.
 *
 *  For tables that have a line for every sample of a data set: they may be larger than memory, and
 *  are gone through in order. The file lies in $TMPDIR, else /tmp, or where it is asked for. */
#ifndef JUDD_BASE_SCRATCH_H
#define JUDD_BASE_SCRATCH_H

#include <judd/base/hash.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_scratch {
    void *data; /* [bytes], zeroed, page-aligned; NULL: not created */
    int64_t bytes;
    const char *folder; /* of the file; borrowed */
    char *path;         /* of the file while it has a name; else NULL */
    bool open;          /* fd is the file's */
    int fd;
} judd_scratch;

/** An open temporary file without a name. JUDD_E_IO names the folder. */
judd_status judd_scratch_file(int *fd);

/** The space is taken at once: a full disk is JUDD_E_IO here and never a signal later. The file has
 *  no name, so that it goes with its processes, however they end; only where the file system cannot
 *  do that (NFS), it has one until it is hidden. Local. Owner: caller, judd_scratch_free. */
judd_status judd_scratch_create(judd_scratch *out, int64_t bytes);
/** The same in another folder, which is borrowed for the scratch's life. */
judd_status judd_scratch_create_in(judd_scratch *out, const char *folder, int64_t bytes);
/** What the file `path` holds, read once, so that all that is made of it is of the same bytes
 * whatever becomes of it; *bytes of them (the scratch may be larger). hex: their SHA-256; NULL is
 * allowed. JUDD_E_IO, or JUDD_E_DATA if it is no regular file, names it. Local. */
judd_status judd_scratch_read(judd_scratch *out, int64_t *bytes, char hex[JUDD_SHA256_HEX],
                              const char *path);
/** Give the file a name, `path`, for other processes of the node to open. Local. */
judd_status judd_scratch_show(judd_scratch *scratch);
/** The same bytes in another process of the node, which judd_scratch_free leaves alone. */
judd_status judd_scratch_open(judd_scratch *out, const char *path, int64_t bytes);
/** Take the file's name away: nobody else can open it from now on. */
void judd_scratch_hide(judd_scratch *scratch);
/** The pages leave this process's memory; what is in them stays. */
void judd_scratch_release(const judd_scratch *scratch);
/** A zeroed scratch is allowed. */
void judd_scratch_free(judd_scratch *scratch);

#endif
