#include "cli/commands.h"

#include <judd/job/report.h>

judd_status judd_command_report(const judd_comm *comm, judd_arguments *a,
                                const volatile sig_atomic_t *stop) {
    const judd_report_options o = {.folders = a->operands,
                                   .n_folders = a->n,
                                   .output = judd_arguments_text(a, "-o", NULL),
                                   .page = judd_arguments_text(a, "--html", NULL),
                                   .tables = judd_arguments_has(a, "--csv"),
                                   .quiet = judd_arguments_has(a, "--quiet")};
    (void)stop; /* nothing to save */
    return judd_report(comm, &o);
}
