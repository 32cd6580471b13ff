#include "data/scan.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const int64_t most_bytes = (int64_t)1 << 34;

static const char *const forms[] = {[JUDD_CLASSIFICATION] = "label",
                                    [JUDD_MULTILABEL] = "name,name,...",
                                    [JUDD_REGRESSION] = "number<TAB>number..."};

static judd_status add_line(judd_sample_list *list, char *line) {
    judd_status status = JUDD_OK;
    char *path = NULL, *tab = strchr(line, '\t');
    struct stat st;
    bool needs_label = list->task != JUDD_MULTILABEL; /* a sample may be of no class */
    if (!tab || tab == line || (needs_label && !tab[1]))
        JUDD_FAIL(JUDD_E_DATA, "expected path<TAB>%s; correct the line", forms[list->task]);
    *tab = '\0';
    const char *label = tab + 1;
    if (label[strspn(label, "0123456789,")] != '\0') list->numbers = false;
    JUDD_TRY(judd_memory_format(&path, "%s%s%s", line[0] == '/' ? "" : list->root,
                                line[0] == '/' ? "" : "/", line));
    if (stat(path, &st) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; correct the line", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) JUDD_FAIL(JUDD_E_DATA, "%s: is not a file; correct the line", path);
    JUDD_TRY(judd_sample_list_add(list, line, label, -1, 0, st.st_size));
done:
    free(path);
    return status;
}

judd_status judd_scan_list(judd_sample_list *list, const char *path) {
    judd_status status = JUDD_OK;
    char *text = NULL;
    int64_t bytes = 0, line = 0;
    JUDD_TRY(judd_atomic_file_read(&text, &bytes, path, most_bytes));
    if ((int64_t)strlen(text) != bytes)
        JUDD_FAIL(JUDD_E_DATA, "%s: holds a zero byte; is it a text file?", path);
    JUDD_TRY(judd_memory_string(&list->root, path));
    char *slash = strrchr(list->root, '/');
    if (slash)
        *slash = '\0';
    else
        strcpy(list->root, "."); /* path has a character, so this fits */
    list->numbers = true;
    for (char *at = text, *next; at && *at; at = next) {
        next = strchr(at, '\n');
        if (next) *next++ = '\0';
        at[strcspn(at, "\r")] = '\0';
        line++;
        if (*at)
            JUDD_TRY(judd_status_context(add_line(list, at), "%s:%lld", path, (long long)line));
    }
done:
    free(text);
    return status;
}
