#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/data/pack.h>

#include <stdio.h>

judd_status judd_command_pack(const judd_comm *comm, judd_arguments *a,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_dataset_argument source = {0};
    judd_dataset *dataset = NULL;
    const char *path = NULL;
    bool quiet = judd_arguments_has(a, "--quiet");
    (void)stop; /* the file appears when it is complete */
    JUDD_TRY(judd_comm_agree(comm, judd_arguments_output(&path, a, "-o")));
    JUDD_TRY(judd_comm_agree(comm, judd_dataset_argument_read(&source, a, 0)));
    JUDD_TRY(judd_dataset_argument_open(&dataset, &source, comm));
    JUDD_TRY(judd_pack_write(dataset, comm, path));
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    if (comm->rank == 0 && !quiet)
        printf("%s: %lld samples, %lld of them bad; read it as format = \"packed\"\n", path,
               (long long)info->n_samples, (long long)info->n_bad);
done:
    judd_dataset_close(dataset);
    judd_dataset_argument_free(&source);
    return status;
}
