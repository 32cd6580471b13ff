#include "data/scan.h"

#include <judd/base/memory.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_DEPTH = 16 }; /* deeper is a link that leads back */

static judd_status scan_below(judd_sample_list *list, const char *name, const char *class_text,
                              int depth);

/* A link that leads nowhere: an image without bytes if it is named as one, which is quarantined. */
static bool leads_nowhere(const char *path) {
    struct stat link;
    bool nowhere = errno == ENOENT || errno == ELOOP;
    return nowhere && lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
}

/* root/name is a folder, an image or something to pass over. */
static judd_status scan_entry(judd_sample_list *list, const char *name, const char *class_text,
                              int depth) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    struct stat st = {.st_mode = S_IFREG};
    JUDD_TRY(judd_memory_format(&path, "%s/%s", list->root, name));
    if (stat(path, &st) != 0 && !leads_nowhere(path))
        JUDD_FAIL(JUDD_E_IO, "%s: %s; check the link or the disk", path, strerror(errno));
    if (S_ISDIR(st.st_mode)) {
        int64_t before = list->n;
        JUDD_TRY(scan_below(list, name, class_text ? class_text : name, depth + 1));
        if (!class_text && list->n == before)
            JUDD_FAIL(
                JUDD_E_DATA,
                "%s: a class folder without an image: put some into it, or name another folder",
                path);
    } else if (judd_sample_list_is_image(name)) {
        if (!S_ISREG(st.st_mode))
            JUDD_FAIL(JUDD_E_DATA, "%s: is a device or pipe, not an image; remove it", path);
        judd_sample sample = {name, class_text, -1, 0, st.st_size};
        JUDD_TRY(judd_sample_list_add(list, &sample));
    }
done:
    free(path);
    return status;
}

static judd_status scan_below(judd_sample_list *list, const char *name, const char *class_text,
                              int depth) {
    judd_status status = JUDD_OK;
    char *path = NULL, *inner = NULL;
    DIR *folder = NULL;
    JUDD_TRY(judd_memory_format(&path, "%s%s%s", list->root, name[0] ? "/" : "", name));
    if (depth > MAX_DEPTH)
        JUDD_FAIL(JUDD_E_DATA, "%s: more than %d folders deep; does a link lead back?", path,
                  MAX_DEPTH);
    folder = opendir(path);
    if (!folder)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; give the folder that holds the class folders", path,
                  strerror(errno));
    for (const struct dirent *e; errno = 0, (e = readdir(folder)) != NULL;) {
        if (e->d_name[0] == '.') continue;
        JUDD_TRY(judd_memory_format(&inner, "%s%s%s", name, name[0] ? "/" : "", e->d_name));
        JUDD_TRY(scan_entry(list, inner, class_text, depth));
        free(inner);
        inner = NULL;
    }
    if (errno != 0) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
done:
    if (folder) closedir(folder);
    free(inner);
    free(path);
    return status;
}

judd_status judd_scan_folder(judd_sample_list *list, const char *path) {
    judd_status status = judd_memory_string(&list->root, path);
    return status == JUDD_OK ? scan_below(list, "", NULL, 0) : status;
}
