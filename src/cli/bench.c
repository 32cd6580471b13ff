#include "cli/bench_decode.h"
#include "cli/commands.h"

#include <string.h>

judd_status judd_command_bench(const judd_comm *comm, int argc, char **argv,
                               const volatile sig_atomic_t *stop) {
    (void)stop;
    if (argc > 1 && strcmp(argv[1], "decode") == 0)
        return judd_bench_decode(comm, argc - 1, argv + 1);
    return judd_status_set(JUDD_E_USAGE, "bench: %s is not decode; see judd bench --help",
                           argc > 1 ? argv[1] : "nothing");
}
