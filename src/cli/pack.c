#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/data/pack.h>

#include <stdio.h>
#include <string.h>

static judd_status parse(judd_dataset_argument *a, const char **path, int argc, char **argv) {
    judd_status status = JUDD_OK;
    for (int i = 1; i < argc; i++) {
        bool taken = false;
        JUDD_TRY(judd_dataset_argument_take(a, &taken, &i, argc, argv));
        if (taken) continue;
        if (strcmp(argv[i], "-o") != 0)
            JUDD_FAIL(JUDD_E_USAGE, "pack: unknown argument %s; see judd pack --help", argv[i]);
        if (++i == argc) JUDD_FAIL(JUDD_E_USAGE, "pack: -o needs a file name");
        *path = argv[i];
    }
    if (!a->text || !*path) JUDD_FAIL(JUDD_E_USAGE, "pack: write judd pack DATASET -o FILE.h5");
done:
    return status;
}

judd_status judd_command_pack(const judd_comm *comm, int argc, char **argv,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_dataset_argument a = {0};
    judd_dataset *dataset = NULL;
    const char *path = NULL;
    (void)stop; /* the file appears when it is complete */
    JUDD_TRY(judd_comm_agree(comm, parse(&a, &path, argc, argv)));
    JUDD_TRY(judd_dataset_argument_open(&dataset, &a, comm));
    JUDD_TRY(judd_pack_write(dataset, comm, path));
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    if (comm->rank == 0)
        printf("%s: %lld samples, %lld of them bad; read it as format = \"packed\"\n", path,
               (long long)info->n_samples, (long long)info->n_bad);
done:
    judd_dataset_close(dataset);
    judd_dataset_argument_free(&a);
    return status;
}
