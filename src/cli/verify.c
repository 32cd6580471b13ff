#include "cli/commands.h"

#include <judd/job/verify.h>

judd_status judd_command_verify(const judd_comm *comm, int argc, char **argv,
                                const volatile sig_atomic_t *stop) {
    (void)stop; /* nothing to save */
    if (argc != 2 || argv[1][0] == '-')
        return judd_status_set(JUDD_E_USAGE, "verify: give one PATH; see judd verify --help");
    return judd_verify(comm, argv[1]);
}
