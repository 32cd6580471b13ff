#include "cli/commands.h"

#include <judd/job/report.h>

#include <stdlib.h>
#include <string.h>

judd_status judd_command_report(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_report_options o = {0};
    (void)stop; /* nothing to save */
    const char **folders = calloc((size_t)argc, sizeof *folders);
    if (!folders) JUDD_FAIL(JUDD_E_INTERNAL, "no memory");
    o.folders = folders;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-o") == 0) {
            if (++i == argc) JUDD_FAIL(JUDD_E_USAGE, "-o needs a folder for the merged results");
            o.output = argv[i];
        } else if (strcmp(argv[i], "--html") == 0) {
            if (++i == argc) JUDD_FAIL(JUDD_E_USAGE, "--html needs a file for the page");
            o.page = argv[i];
        } else if (strcmp(argv[i], "--csv") == 0) {
            o.tables = true;
        } else if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0) {
            o.quiet = true;
        } else if (argv[i][0] == '-') {
            JUDD_FAIL(JUDD_E_USAGE, "report: unknown option %s; see judd report --help", argv[i]);
        } else {
            folders[o.n_folders++] = argv[i];
        }
    }
    if (o.n_folders == 0)
        JUDD_FAIL(JUDD_E_USAGE, "report: no output folder; write judd report runs/NAME");
    JUDD_TRY(judd_report(comm, &o));
done:
    free(folders);
    return status;
}
