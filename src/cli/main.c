/* The program: parses the command line, starts MPI where the command needs it, calls the library,
 * prints one line on failure.
 */
#include "cli/commands.h"
#include "cli/help.h"

#include <judd/io/h5.h>
#include <judd/job/libraries.h>

#include <cblas.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { START_S = 600 }; /* for MPI to start in */

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

static void listen(void) {
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- the command line --------------------------------------------------------------------------
 */

typedef struct request {
    const judd_command *command; /* NULL: all has been said */
    char name[64];               /* all its words */
    judd_arguments arguments;
} request;

/* Of several processes the one that speaks, as long as MPI cannot tell. */
static bool is_first(void) {
    static const char *const ranks[] = {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK",
                                        "SLURM_PROCID"};
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++)
        if (getenv(ranks[i])) return strcmp(getenv(ranks[i]), "0") == 0;
    return true;
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

/* argv[0] is among the words before: `group`, "" for judd itself. */
static judd_status find(request *r, const judd_command *list, const char *group, int argc,
                        char **argv) {
    const judd_command *c = argc > 1 ? judd_commands_find(list, argv[1]) : NULL;
    if (!c)
        return judd_status_set(JUDD_E_USAGE, "%s %s%s; judd %s--help lists them",
                               argc > 1 ? "unknown command" : "nothing follows", group,
                               argc > 1 ? argv[1] : "", group);
    char name[sizeof r->name];
    snprintf(name, sizeof name, "%s%s", group, c->name);
    if (wants_help(argc - 1, argv + 1) && (!c->commands || argv[2][0] == '-')) {
        if (is_first()) judd_help_print_command(stdout, c, name);
        return JUDD_OK;
    }
    if (c->commands) return find(r, c->commands, strcat(name, " "), argc - 1, argv + 1);
    memcpy(r->name, name, sizeof name);
    r->command = c;
    return judd_arguments_parse(&r->arguments, c, r->name, argc - 1, argv + 1);
}

static judd_status read_request(request *r, int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "--help";
    bool help = strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0;
    if (!help && strcmp(name, "--version") != 0) return find(r, judd_commands, "", argc, argv);
    if (is_first() && help) judd_help_print(stdout);
    if (is_first() && !help) print_version();
    return JUDD_OK;
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

/* ---- with MPI and without ----------------------------------------------------------------------
 */

static judd_status serve(request *r, const judd_comm *comm) {
    judd_status status = r->command->run(comm, &r->arguments, &stop_requested);
    return status == JUDD_OK ? judd_arguments_all_asked(&r->arguments) : status;
}

static judd_status flushed(judd_status status) {
    if ((fflush(stdout) != 0 || ferror(stdout)) && status == JUDD_OK)
        status = judd_status_set(JUDD_E_IO,
                                 "standard output: %s; free space or send it elsewhere (what "
                                 "a job has put into its output folder is whole)",
                                 strerror(errno));
    return status;
}

/* What one process does alone; where a launcher started more, the others have nothing to do: not to
 * fail either, for which the launcher would end the first one before it has spoken. */
static judd_status end_alone(request *r, judd_status status) {
    if (!is_first()) return JUDD_OK;
    if (status == JUDD_OK && r->command) {
        listen();
        status = serve(r, NULL);
    }
    status = flushed(status);
    if (status != JUDD_OK) fprintf(stderr, "judd: %s\n", judd_status_message());
    return status;
}

/* MPI waits for ever for a rank that could not make its part of the shared memory, and no watchdog
 * lives yet. */
static char not_started[512];

static void give_up_start(int signal_number) {
    (void)signal_number;
    ssize_t ignored = write(STDERR_FILENO, not_started, strlen(not_started));
    (void)ignored;
    _exit(JUDD_E_AGAIN);
}

/* 0 seconds: no longer. */
static void limit_start(unsigned seconds) {
    char host[128] = "";
    gethostname(host, sizeof host - 1);
    snprintf(not_started, sizeof not_started,
             "judd: %s: MPI has not started within %u s: a rank of the job is missing or the "
             "folder of MPI's session (TMPDIR, /dev/shm) is full or not writable somewhere; run "
             "the same command again, or set JUDD_START_S higher if it was only slow\n",
             host, seconds);
    signal(SIGALRM, seconds ? give_up_start : SIG_DFL);
    alarm(seconds);
}

static unsigned start_seconds(void) {
    const char *text = getenv("JUDD_START_S");
    char *end = NULL;
    unsigned long seconds = text ? strtoul(text, &end, 10) : START_S;
    return text && (end == text || *end || seconds > INT_MAX) ? START_S : (unsigned)seconds;
}

/* Signals wait until MPI has started and somebody listens: before, they would end a rank that the
 * others wait for, and Open MPI 4.1 takes a fence that was given up for a passed one
 * (open-mpi/ompi#5086), after which a message to a rank without receivers calls a null pointer.
 * Threads of MPI's inherit the mask: signals are the main thread's. */
static void start_mpi(int *argc, char ***argv) {
    sigset_t held, before;
    int threads = 0; /* what MPI offers is checked where it is needed */
    sigemptyset(&held);
    sigaddset(&held, SIGUSR1);
    sigaddset(&held, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &held, &before);
    choose_windows();
    limit_start(start_seconds());
    MPI_Init_thread(argc, argv, MPI_THREAD_SERIALIZED, &threads);
    listen();
    pthread_sigmask(SIG_SETMASK, &before, NULL);
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

/* Collective: the command, between the start of MPI and its end. */
static judd_status run_on_ranks(request *r, int argc, char **argv) {
    judd_comm comm = {0};
    judd_status prepared = judd_h5_init(); /* before MPI, whose end would close abandoned files */
    start_mpi(&argc, &argv);
    openblas_set_num_threads(1); /* a rank a core; and its bits depend on the number */
    judd_status status = judd_comm_open(&comm, MPI_COMM_WORLD);
    if (status != JUDD_OK) {
        fprintf(stderr, "judd: %s\n", judd_status_message());
        MPI_Abort(MPI_COMM_WORLD, status);
    }
    status = judd_comm_agree(&comm, prepared); /* all have been heard: MPI has started */
    limit_start(0);
    if (status == JUDD_OK) status = serve(r, &comm);
    if (status == JUDD_E_DEGENERATE) status = JUDD_E_DATA; /* nothing is left to go on with */
    if (comm.rank == 0) status = flushed(status);
    status = judd_comm_broadcast_status(&comm, status);
    if (status != JUDD_OK && comm.rank == 0) fprintf(stderr, "judd: %s\n", judd_status_message());
    status = leave_if_terminated(&comm, status);
    judd_comm_close(&comm);
    MPI_Finalize();
    return status;
}

int main(int argc, char **argv) {
    request r = {0};
    if (print_documents(argc, argv)) return fflush(stdout) == 0 ? JUDD_OK : JUDD_E_IO;
    judd_status status = read_request(&r, argc, argv);
    if (status != JUDD_OK || !r.command || r.command->alone)
        status = end_alone(&r, status);
    else
        status = run_on_ranks(&r, argc, argv);
    judd_arguments_free(&r.arguments);
    return status;
}
