/** Files that appear whole or not at all: written under a temporary name, synced, renamed.
 * All local: one process, no MPI. */
#ifndef JUDD_IO_ATOMIC_FILE_H
#define JUDD_IO_ATOMIC_FILE_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/** Make `path` and its missing parents (mode 0777 less umask). Existing folders are fine. */
judd_status judd_atomic_file_make_folder(const char *path);

/** Replace `path` by these bytes: write to `path`.tmp.<host>.<pid>, fsync, compare,
 * rename, fsync the folder. On failure the old file is untouched and the temporary one is gone; if
 * only the last step failed, the new file is in place but may not survive a power cut. A symbolic
 * link is replaced; a device, pipe or socket is not (JUDD_E_IO). */
judd_status judd_atomic_file_write(const char *path, const void *data, int64_t bytes);

/** `path`.tmp.<host>.<pid>: where to make a file or folder that judd_atomic_file_commit renames; no
 *  file of the user's, nor another process's. free(). */
judd_status judd_atomic_file_temporary(char **out, const char *path);

/** fsync an existing file that something else wrote and closed (H5Fclose is no fsync). */
judd_status judd_atomic_file_sync(const char *path);

/** The steps after a file (or folder) has been written under `temporary`: fsync it, rename it to
 *  `path`, fsync the parent folder. The files inside a folder are synced by whoever wrote them; a
 *  folder replaces nothing but an empty folder. On failure `temporary` stays. */
judd_status judd_atomic_file_commit(const char *temporary, const char *path);

/** The whole regular file in *data with a NUL behind it; at most max_bytes, else JUDD_E_DATA.
 * free().
 */
judd_status judd_atomic_file_read(char **data, int64_t *bytes, const char *path, int64_t max_bytes);
/** The same of folder/name, as a text. */
judd_status judd_atomic_file_read_in(char **text, const char *folder, const char *name,
                                     int64_t max_bytes);

/** Whether folder/name exists, whatever it is. */
bool judd_atomic_file_exists_in(const char *folder, const char *name);

/** Paths of what a folder holds whose names end so, sorted. Owner: caller,
 * judd_atomic_file_free_list, also after a failure. */
judd_status judd_atomic_file_list(char ***paths, int64_t *n, const char *folder, const char *end);
void judd_atomic_file_free_list(char **paths, int64_t n);

/** Remove a file or a folder with all it holds (symbolic links are removed, not followed).
 *  A missing path is fine. */
judd_status judd_atomic_file_remove(const char *path);

#endif
