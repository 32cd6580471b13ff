#include <judd/base/memory.h>
#include <judd/base/share.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the running program, with a slash; "" if the system does not say. */
static void program_folder(char folder[PATH_MAX]) {
    ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    folder[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(folder, '/');
    if (slash) slash[1] = '\0';
}

judd_status judd_share_folder(char **out, const char *name) {
    judd_status status = JUDD_OK;
    char program[PATH_MAX];
    const char *set = getenv("JUDD_SHARE");
    program_folder(program);
    const struct {
        const char *base, *share;
    } places[] = {{set ? set : "", ""},
                  {program, "share/judd"},        /* a build tree */
                  {program, JUDD_SHARE_FROM_BIN}, /* PREFIX/bin */
                  {JUDD_SHARE_INSTALLED, ""}};
    size_t n = set && *set ? 1 : sizeof places / sizeof *places;
    char *path = NULL;
    *out = NULL;
    for (size_t i = 0; !*out && i < n; i++) {
        if (!places[i].base[0]) continue;
        free(path);
        JUDD_TRY(judd_memory_format(&path, "%s%s/%s", places[i].base, places[i].share, name));
        *out = realpath(path, NULL);
    }
done:
    free(path);
    return status;
}
