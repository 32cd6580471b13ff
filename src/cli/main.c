/* The program: parses the command line, starts MPI, calls the library, prints one line on failure.
 */
#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/io/h5.h>
#include <judd/job/libraries.h>

#include <cblas.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const judd_command commands[] = {
    {"run", "JOB.cfg [--set path.to.key=value]... [--shard I/N] [--fresh] [--quiet]",
     "run a job, or resume it, print its verdicts, write report.html",
     "  --set path.to.key=value  override a value of the job file (libconfig syntax; a bare word "
     "or\n"
     "                           path is a string); may be repeated\n"
     "  --shard I/N              member I of a job array of N: its share of the comparisons, into\n"
     "                           OUTPUT.I-of-N, without verdicts; judd report merges them\n"
     "  --fresh                  remove the results of an earlier job in the output folder\n"
     "  --quiet, -q              no progress; warnings, errors and the table only\n",
     judd_command_run},
    {"plan", "JOB.cfg [--set path.to.key=value]... [--json]",
     "show what a job would do: trials, shared features and heads, time and memory",
     "  --set path.to.key=value  as of judd run\n"
     "  --json                   every trial, head and cache file, on one line\n"
     "Reads the data sets, looks into the cache, tries networks that would have to compute on a "
     "few\n"
     "made-up images and times a small product. Changes nothing.\n",
     judd_command_plan},
    {"submit",
     "JOB.cfg [--nodes N] [--time T] [--array N] [--yes] [--set path.to.key=value]... [--quiet]",
     "write a Slurm batch script for a job, show it, and submit it",
     "  --nodes N    default: as many as bring the end within an hour, if they shorten it enough\n"
     "  --time T     limit as sbatch takes it (1:30:00); default: half as much again as estimated\n"
     "  --array N    a job array of N shards, and a job that merges them when all are complete\n"
     "  --yes        submit it, by sbatch; without, only write it: OUTPUT.sbatch\n"
     "  --set path.to.key=value, --quiet   as of judd run; handed on\n"
     "Time is what judd plan estimates on this machine, divided by ranks. What is particular to "
     "the\n"
     "cluster (partition, account, ranks a node, modules) stands in slurm/site.conf, or in the "
     "file\n"
     "that JUDD_SITE names.\n",
     judd_command_submit},
    {"report", "DIR... [-o FOLDER] [--html FILE] [--csv] [--quiet]",
     "print what a job, also one that runs or was killed, or all its shards have found, and write\n"
     "           its report.html",
     "DIR: the output folder of a job, or those of its shards (runs/NAME.*-of-N)\n"
     "  -o FOLDER    bring the shards of a finished job together there, with its verdicts: the\n"
     "               bytes of a job that was not divided\n"
     "  --html FILE  where the page goes; default report.html in FOLDER, else in a single DIR\n"
     "  --csv        also results.csv and verdicts.csv there, for pandas and R (docs/report.md)\n"
     "  --quiet, -q  warnings, errors and the table only\n"
     "The page of an unfinished job has gains, but no verdicts. Charts need gnuplot on the PATH.\n",
     judd_command_report},
    {"export", "OUTPUT/heads/TRIAL.h5 -o MODEL.onnx [--head-only] [--job JOB.cfg]",
     "the head of a finished trial, with its backbone and preprocessing, as one ONNX model",
     "  -o MODEL.onnx   what to write\n"
     "  --head-only     the head alone, on features\n"
     "  --job JOB.cfg   the job that trained the head, if it lies no longer in its output folder\n"
     "Input image: numbers 0 to 255, resized and cropped as the metadata \"preprocessing\" says;\n"
     "outputs score and, where the head has them, probability. Class names are in the metadata.\n",
     judd_command_export},
    {"predict", "OUTPUT/heads/TRIAL.h5 DATASET [OPTIONS]",
     "what the head of a finished trial says of other samples, labelled or not",
     "  --job JOB.cfg   the job that trained the head, if it lies no longer in its output folder\n"
     "  --top N         only the N likeliest classes of a sample\n"
     "  -o FILE         instead of standard output; .tsv, .jsonl or .h5, or as --write says\n"
     "  --write F       tsv, jsonl or hdf5\n"
     "  --quiet, -q     no progress\n" JUDD_DATASET_ARGUMENT_HELP
     "Pictures need no labels: a folder of them will do. Features go through the cache of the "
     "job.\n",
     judd_command_predict},
    {"eval", "OUTPUT/heads/TRIAL.h5 DATASET [OPTIONS]",
     "metrics of a finished trial's head on new labelled data, beside those of its test set",
     "  --job JOB.cfg   the job that trained the head, if it lies no longer in its output folder\n"
     "  --quiet, -q     no progress\n" JUDD_DATASET_ARGUMENT_HELP
     "Classes are matched by name; samples of others are left out, and counted.\n",
     judd_command_eval},
    {"features", "JOB.cfg [--all] [--set path.to.key=value]... [--quiet]",
     "compute the features of a job, or go on with it, without training",
     "  --all                    of all samples of its tasks, not only of those that trials draw, "
     "and\n"
     "                           with seeds = \"auto\" of all seeds, not only of the first look's\n"
     "  --set path.to.key=value  as of judd run\n"
     "  --quiet, -q              no progress\n"
     "One line a cache file: rows needed, computed now, found damaged; seconds of the pass over "
     "the\n"
     "images that it took part in.\n",
     judd_command_features},
    {"score", "JOB.cfg [--by SCORE] [--set path.to.key=value]... [--json] [--quiet]",
     "rank the backbones of a job for each target by transferability scores, without training",
     "  --by SCORE               which orders the tables: logme (default), leep, nce, h,\n"
     "                           regularised_h, transrate, ridge, centroid\n"
     "  --set path.to.key=value  as of judd run\n"
     "  --json                   the lines of scores.jsonl instead of tables\n"
     "  --quiet, -q              no progress\n"
     "Of training samples only, those that trials of the first seed draw; features that the cache\n"
     "lacks are computed. Writes scores.jsonl into the output folder; after the job has run also\n"
     "how well each score agrees with the measured gains.\n",
     judd_command_score},
    {"verify", "PATH", "compare every checksum in a file or folder of Judd's",
     "PATH: a feature cache (or the cache folder), a checkpoint (step-N), a head, a job's\n"
     "predictions, an output folder, or word vectors, every number of them; told by its content. "
     "Rows that a cache "
     "does not hold yet are no damage.\n"
     "Exit code 65 when something is damaged. Nothing is changed: judd run mends what it reads.\n",
     judd_command_verify},
    {"bench",
     "train|allreduce|checkpoint|path|ridge|score|features|extract|decode|read|vectors [OPTIONS] "
     "[--json]",
     "measure this machine",
     "train      minibatch SGD of a bank of softmax heads; rates count a sample once per head\n"
     "  --samples N --features D --classes C --batch B --heads H --steps S (one epoch) --lanes L\n"
     "  --reduce exact|float            how gradients are added up\n"
     "  --memory-mib M --folder PATH    features beyond M MiB a rank come from a cache in PATH\n"
     "allreduce  an exact sum over ranks against MPI_SUM of floats\n"
     "  --elements N --repeats R\n"
     "checkpoint a checkpoint against a plain write and fsync of as many bytes by rank 0, in "
     "turns\n"
     "  --mib M --repeats R --folder PATH\n"
     "path       L-BFGS over many L2 strengths, from --last down to --first, log-spaced; "
     "strengths\n"
     "           weigh the sum of losses, as 1/C in scikit-learn\n"
     "  --samples N --tests T --features D --classes C --values V --first A --last B --lanes L\n"
     "  --tolerance G    on the largest entry of the gradient of the mean loss\n"
     "  --alone          every strength from zero\n"
     "  --standardize    features by mean and deviation\n"
     "  --data FILE      float32 [N + T, D], then int32 labels [N + T], instead of made-up ones\n"
     "ridge      one strength and many by one decomposition with leave-one-out; bytes of matrices\n"
     "           that each rank holds\n"
     "  --samples N --features D --classes C --strengths V\n"
     "  --cholesky       one strength, factored in place: for many features\n"
     "score      the transferability scores that need no source network, against one float64 syrk\n"
     "           of the features\n"
     "  --samples N --features D --classes C --repeats R\n"
     "  --cpu            time that the threads compute instead of the clock's: for a busy machine\n"
     "features   MODEL.onnx: images a second of the whole network, or up to a tap\n"
     "  --tap T --batch N --threads N\n"
     "  --channels C --height H --width W   of the images, where the model leaves them open\n"
     "  --no-winograd    direct convolutions only\n"
     "  --cpu            time that the thread computes instead of the clock's: for a busy machine\n"
     "  --layers         the time of every layer\n"
     "extract    MODEL.onnx FORMAT IMAGES [CLASS-LIST]: extraction from JPEG and PNG files "
     "against\n"
     "           the network alone\n"
     "  --batch N --threads N --resize S --crop S --repeats R\n"
     "decode     FORMAT IMAGES [CLASS-LIST]: JPEG and PNG to what a network takes, on rank 0;\n"
     "           FORMAT: folder, tar, list\n"
     "read       DATASET...: bytes out of files, every rank its share; the others against the "
     "first\n"
     "  --cold           also with the system's caches dropped (root only)\n"
     "vectors    FILE: every number of a file of word vectors; FILE DATASET: only the vectors of "
     "the\n"
     "           words of its texts, and these texts to features as by fasttext "
     "print-sentence-vectors\n",
     judd_command_bench},
    {"pack", "DATASET -o FILE.h5", "put a data set into one file that ranks read in large steps",
     JUDD_DATASET_ARGUMENT_HELP
     "  -o FILE.h5      what to write: the samples as they are, labels, names, checksums; read as\n"
     "                  format = \"packed\"; features computed from the source stay valid\n",
     judd_command_pack},
    {"inspect", "MODEL.onnx|DATASET|VECTORS [OPTIONS]",
     "a network's layers, costs and taps; a data set's classes, sizes, bad images; word vectors",
     "MODEL.onnx\n"
     "  --tap NAME     only what leads to this tensor or node; may be repeated\n"
     "  --input CxHxW  image dimensions that the file leaves open, as 3x224x224\n"
     "  --operators    instead: all operators that can be executed, as "
     "Markdown\n"
     "VECTORS: word2vec's, GloVe's or fastText's: what they are; every number is looked "
     "at\n" JUDD_DATASET_ARGUMENT_HELP "  --sheet FILE.png  draw a contact sheet, a row a class\n",
     judd_command_inspect},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

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

static void print_help(void) {
    printf("judd %s: distributed transfer experiments\n\n", JUDD_VERSION);
    printf("usage: judd COMMAND [ARGUMENTS]        on one process\n");
    printf("       mpirun -n RANKS judd COMMAND    on several; results are the same bits\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        printf("  %-8s %s\n           judd %s %s\n", commands[i].name, commands[i].summary,
               commands[i].name, commands[i].arguments);
    printf("\n  judd COMMAND --help    options of a command\n"
           "  judd --version         versions of judd and its libraries\n\n"
           "signals: SIGUSR1 or SIGTERM saves a checkpoint and exits with 75; run again to go on\n"
           "exit codes: 0 done, 64 usage, 65 bad data, 70 internal error, 74 input/output,\n"
           "            75 run again: a signal, a lost rank, a folder in use; 78 bad job file\n");
}

static void print_command_help(const judd_command *c) {
    printf("usage: judd %s %s\n\n%s\n\n%s", c->name, c->arguments, c->summary, c->help);
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

static judd_status dispatch(const judd_comm *comm, int argc, char **argv) {
    const char *name = argc > 1 ? argv[1] : "--help";
    bool speak = comm->rank == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        if (speak) print_help();
        return JUDD_OK;
    }
    if (strcmp(name, "--version") == 0) {
        if (speak) print_version();
        return JUDD_OK;
    }
    for (int i = 0; i < N_COMMANDS; i++) {
        if (strcmp(name, commands[i].name) != 0) continue;
        if (wants_help(argc - 1, argv + 1)) {
            if (speak) print_command_help(&commands[i]);
            return JUDD_OK;
        }
        return commands[i].run(comm, argc - 1, argv + 1, &stop_requested);
    }
    return judd_status_set(JUDD_E_USAGE, "unknown command %s; judd --help lists them", name);
}

/* Open MPI 4 cannot make windows between nodes over TCP by osc/rdma, and Debian's defaults leave no
 * other: osc/pt2pt goes wherever messages go, and our windows are a few counters. */
static void choose_windows(void) {
#if defined(OMPI_MAJOR_VERSION) && OMPI_MAJOR_VERSION < 5
    setenv("OMPI_MCA_osc", "^rdma,ucx", 0);
#endif
}

int main(int argc, char **argv) {
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
    if (status == JUDD_OK) status = dispatch(&comm, argc, argv);
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
