#include "cli/commands.h"

#include <judd/job/export.h>

#include <stdio.h>
#include <string.h>

judd_status judd_command_export(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    const char *head = NULL, *job_file = NULL, *path = NULL;
    judd_predictor *predictor = NULL;
    bool head_only = false;
    (void)stop; /* the file appears when it is complete */
    for (int i = 1; i < argc; i++) {
        const char **value = strcmp(argv[i], "-o") == 0      ? &path
                             : strcmp(argv[i], "--job") == 0 ? &job_file
                                                             : NULL;
        if (value && ++i == argc)
            JUDD_FAIL(JUDD_E_USAGE, "export: %s needs a value", argv[i - 1]);
        else if (value)
            *value = argv[i];
        else if (strcmp(argv[i], "--head-only") == 0)
            head_only = true;
        else if (argv[i][0] == '-' || head)
            JUDD_FAIL(JUDD_E_USAGE, "export: unknown argument %s; see judd export --help", argv[i]);
        else
            head = argv[i];
    }
    if (!head || !path)
        JUDD_FAIL(JUDD_E_USAGE, "export: write judd export OUTPUT/heads/TRIAL.h5 -o MODEL.onnx");
    JUDD_TRY(judd_predictor_open(&predictor, comm, head, job_file));
    status = comm->rank == 0 ? judd_export_write(predictor, path, head_only) : JUDD_OK;
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    judd_predictor_close(predictor);
    return status;
}
