/* The program: parses the command line, starts MPI, calls the library, prints one line on failure.
 */
#include "cli/commands.h"
#include "cli/help.h"

#include <judd/io/h5.h>
#include <judd/job/libraries.h>

#include <cblas.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t stop_requested; /* the one thing a signal handler can reach: which */

/* The first signal asks for a checkpoint, a second one, of either kind, ends the program at once.
 */
static void on_signal(int signal_number) {
    if (stop_requested) {
        signal(signal_number, SIG_DFL);
        raise(signal_number);
    }
    stop_requested = signal_number;
}

/* An mpirun that got SIGTERM sleeps between it and SIGKILL (odls_base_sigkill_timeout) and serves
 * nobody, so MPI_Finalize would wait for the SIGKILL. All is saved and said: go. */
static judd_status leave_if_terminated(const judd_comm *comm, judd_status status) {
    double terminated = stop_requested == SIGTERM;
    if (status != JUDD_E_AGAIN) return status;
    if (judd_comm_max(comm, &terminated, 1) != JUDD_OK || terminated == 0.0) return status;
    fflush(NULL);
    _exit(status);
}

static void print_version(void) {
    char names[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT], versions[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT];
    judd_libraries_list(names, versions);
    printf("judd %s\n", JUDD_VERSION);
    for (int i = 0; i < JUDD_N_LIBRARIES; i++) printf("  %-10s %s\n", names[i], versions[i]);
}

static bool wants_help(int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) return true;
    return false;
}

/* A command, named by all its words so far, and what follows them. */
static judd_status start(const judd_comm *comm, const judd_command *c, const char *name, int argc,
                         char **argv) {
    judd_status status = JUDD_OK;
    judd_arguments a = {0};
    JUDD_TRY(judd_arguments_parse(&a, c, name, argc, argv));
    JUDD_TRY(c->run(comm, &a, &stop_requested));
    JUDD_TRY(judd_arguments_all_asked(&a));
done:
    judd_arguments_free(&a);
    return status;
}

/* argv[0] is among the words before: `group`, "" for judd itself. */
static judd_status dispatch(const judd_comm *comm, const judd_command *list, const char *group,
                            int argc, char **argv) {
    char name[64];
    const judd_command *c = argc > 1 ? judd_commands_find(list, argv[1]) : NULL;
    if (!c)
        return judd_status_set(JUDD_E_USAGE, "%s %s%s; judd %s--help lists them",
                               argc > 1 ? "unknown command" : "nothing follows", group,
                               argc > 1 ? argv[1] : "", group);
    snprintf(name, sizeof name, "%s%s", group, c->name);
    if (wants_help(argc - 1, argv + 1) && (!c->commands || argv[2][0] == '-')) {
        if (comm->rank == 0) judd_help_print_command(stdout, c, name);
        return JUDD_OK;
    }
    if (!c->commands) return start(comm, c, name, argc - 1, argv + 1);
    strcat(name, " ");
    return dispatch(comm, c->commands, name, argc - 1, argv + 1);
}

static judd_status run(const judd_comm *comm, int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (comm->rank == 0) judd_help_print(stdout);
        return JUDD_OK;
    }
    if (strcmp(name, "--version") == 0) {
        if (comm->rank == 0) print_version();
        return JUDD_OK;
    }
    return dispatch(comm, judd_commands, "", argc, argv);
}

/* What a build installs beside the program: judd help --man, --bash or --zsh, without MPI. */
static bool print_documents(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*print)(FILE *file);
    } documents[] = {{"--man", judd_manual_print},
                     {"--bash", judd_completion_print_bash},
                     {"--zsh", judd_completion_print_zsh}};
    if (argc != 3 || strcmp(argv[1], "help") != 0) return false;
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++) {
        if (strcmp(argv[2], documents[i].name) != 0) continue;
        documents[i].print(stdout);
        return true;
    }
    return false;
}

/* Open MPI 4 cannot make windows between nodes over TCP by osc/rdma, and Debian's defaults leave no
 * other: osc/pt2pt goes wherever messages go, and our windows are a few counters. */
static void choose_windows(void) {
#if defined(OMPI_MAJOR_VERSION) && OMPI_MAJOR_VERSION < 5
    setenv("OMPI_MCA_osc", "^rdma,ucx", 0);
#endif
}

int main(int argc, char **argv) {
    if (print_documents(argc, argv)) return fflush(stdout) == 0 ? JUDD_OK : JUDD_E_IO;
    choose_windows();
    judd_status prepared = judd_h5_init(); /* before MPI, whose end would close abandoned files */
    int threads = 0;                       /* what MPI offers is checked where it is needed */
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &threads);
    openblas_set_num_threads(1); /* a rank a core; and its bits depend on the number */
    signal(SIGUSR1, on_signal);
    signal(SIGTERM, on_signal);
    judd_comm comm = {0};
    judd_status status = judd_comm_open(&comm, MPI_COMM_WORLD);
    if (status != JUDD_OK) {
        fprintf(stderr, "judd: %s\n", judd_status_message());
        MPI_Abort(MPI_COMM_WORLD, status);
    }
    status = judd_comm_agree(&comm, prepared);
    if (status == JUDD_OK) status = run(&comm, argc, argv);
    if (comm.rank == 0 && (fflush(stdout) != 0 || ferror(stdout)) && status == JUDD_OK)
        status = judd_status_set(JUDD_E_IO, "standard output: %s; results are in the output folder",
                                 strerror(errno));
    status = judd_comm_broadcast_status(&comm, status);
    if (status != JUDD_OK && comm.rank == 0) fprintf(stderr, "judd: %s\n", judd_status_message());
    status = leave_if_terminated(&comm, status);
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}
