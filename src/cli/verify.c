#include "cli/commands.h"

#include <judd/job/verify.h>

judd_status judd_command_verify(const judd_comm *comm, judd_arguments *a,
                                const volatile sig_atomic_t *stop) {
    (void)stop; /* nothing to save */
    return judd_verify(comm, a->operands[0]);
}
