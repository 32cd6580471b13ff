#include "cli/commands.h"

#include <judd/job/export.h>

#include <stdio.h>

judd_status judd_command_export(const judd_comm *comm, judd_arguments *a,
                                const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_predictor *predictor = NULL;
    const char *path = NULL;
    bool head_only = judd_arguments_has(a, "--head-only"), quiet = judd_arguments_has(a, "--quiet");
    (void)stop; /* the file appears when it is complete */
    JUDD_TRY(judd_comm_agree(comm, judd_arguments_output(&path, a, "-o")));
    JUDD_TRY(judd_predictor_open(&predictor, comm, a->operands[0],
                                 judd_arguments_text(a, "--job", NULL)));
    status = comm->rank == 0 ? judd_export_write(predictor, path, head_only) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    const judd_predictor_info *info = judd_predictor_info_of(predictor);
    if (comm->rank == 0 && !quiet)
        printf("%s: %s of %s, %d outputs\n", path,
               head_only ? "head" : "preprocessing, backbone and head", info->trial,
               info->n_outputs);
done:
    judd_predictor_close(predictor);
    return status;
}
