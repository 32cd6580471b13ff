#include "data/scan.h"

#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const forms[] = {[JUDD_CLASSIFICATION] = "label",
                                    [JUDD_MULTILABEL] = "name,name,...",
                                    [JUDD_REGRESSION] = "number<TAB>number...",
                                    [JUDD_NO_TASK] = "anything"};

static judd_status add_line(judd_sample_list *list, char *line) {
    judd_status status = JUDD_OK;
    char *path = NULL, *tab = strchr(line, '\t');
    struct stat st;
    bool needs_label = list->task != JUDD_MULTILABEL; /* a sample may be of no class */
    if (!tab && list->task == JUDD_NO_TASK) tab = line + strlen(line);
    if (!tab || tab == line || (needs_label && list->task != JUDD_NO_TASK && !tab[1]))
        JUDD_FAIL(JUDD_E_DATA, "expected path<TAB>%s; correct the line", forms[list->task]);
    const char *label = *tab ? tab + 1 : tab;
    *tab = '\0';
    if (label[strspn(label, "0123456789,")] != '\0') list->numbers = false;
    JUDD_TRY(judd_memory_format(&path, "%s%s%s", line[0] == '/' ? "" : list->root,
                                line[0] == '/' ? "" : "/", line));
    if (stat(path, &st) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; correct the line", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) JUDD_FAIL(JUDD_E_DATA, "%s: is not a file; correct the line", path);
    judd_sample sample = {line, label, -1, 0, st.st_size};
    JUDD_TRY(judd_sample_list_add(list, &sample));
done:
    free(path);
    return status;
}

/* Lines as they come: a list may be longer than memory. */
static judd_status read_lines(judd_sample_list *list, FILE *file, const char *path) {
    judd_status status = JUDD_OK;
    char *line = NULL;
    size_t capacity = 0;
    int64_t number = 0;
    for (ssize_t n; (n = getline(&line, &capacity, file)) > 0;) {
        number++;
        if ((ssize_t)strlen(line) != n)
            JUDD_FAIL(JUDD_E_DATA, "%s:%lld: holds a zero byte; is it a text file?", path,
                      (long long)number);
        line[strcspn(line, "\r\n")] = '\0';
        if (*line)
            JUDD_TRY(judd_status_context(add_line(list, line), "%s:%lld", path, (long long)number));
    }
    if (ferror(file)) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
done:
    free(line);
    return status;
}

judd_status judd_scan_list(judd_sample_list *list, const char *path) {
    judd_status status = JUDD_OK;
    struct stat st;
    FILE *file = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would block */
    if (fd < 0 || fstat(fd, &st) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: %s; check the path", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) JUDD_FAIL(JUDD_E_DATA, "%s: is not a file; check the path", path);
    file = fdopen(fd, "r");
    if (!file) JUDD_FAIL(JUDD_E_IO, "%s: %s", path, strerror(errno));
    JUDD_TRY(judd_memory_string(&list->root, path));
    char *slash = strrchr(list->root, '/');
    if (slash)
        *slash = '\0';
    else
        strcpy(list->root, "."); /* path has a character, so this fits */
    list->numbers = true;
    JUDD_TRY(read_lines(list, file, path));
done:
    if (file)
        fclose(file);
    else if (fd >= 0)
        close(fd);
    return status;
}
