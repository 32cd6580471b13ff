#include "cli/commands.h"

#include <string.h>

/* ---- options that several commands have --------------------------------------------------------
 */

#define QUIET                                                                                      \
    { "--quiet", "-q", .help = "no progress; warnings, errors and results only" }
#define SILENT                                                                                     \
    { "--quiet", "-q", .help = "say nothing but warnings and errors" }
#define JSON(what)                                                                                 \
    { "--json", .help = what }
#define BENCH_JSON JSON("one line of JSON")
#define CPU                                                                                        \
    { "--cpu", .help = "time that threads compute instead of the clock's: for a busy machine" }
#define NUMBER(name, what)                                                                         \
    { name, .value = "N", .help = what }
#define REAL(name, what)                                                                           \
    { name, .value = "X", .help = what }

static const judd_option set[] = {
    {"--set", .value = "PATH=VALUE", .repeated = true,
     .help =
         "override a value of the job file, as verdict.seeds=5 (libconfig syntax; a bare word or "
         "path is a string); may be repeated"},
    {0}};
static const judd_option quiet[] = {QUIET, {0}};
static const judd_option data_set[] = {
    {"--format", .value = "F",
     .values = "folder|tar|list|idx|cifar10|cifar100|npy|hdf5|packed|tsv|csv|lines|jsonl",
     .help = "the format of the path, as in job files"},
    {"--text-column", .value = "C", .help = "of tsv, csv and jsonl: by number or name"},
    {"--label-column", .value = "C", .help = "of tsv, csv and jsonl: by number or name"},
    {0}};
#define LABELS                                                                                     \
    {                                                                                              \
        "--labels", .value = "FILE", .values = "*",                                                \
                    .help = "labels (idx, npy, lines) or list of the classes"                      \
    }
static const judd_option labels[] = {LABELS, {0}};
static const judd_option task[] = {LABELS,
                                   {"--task", .value = "T",
                                    .values = "classification|multilabel|regression",
                                    .help = "classification, multilabel or regression"},
                                   {0}};
static const judd_option in_job[] = {{"--split", .value = "S", .values = "train|test",
                                      .help = "of JOB.cfg:NAME: train (default) or test files"},
                                     {0}};
#define DATASET_NOTE                                                                               \
    "DATASET is a path, whose format is recognised by its content, or JOB.cfg:NAME."

static const judd_option head[] = {
    {"--job", .value = "JOB.cfg", .values = "*.cfg",
     .help = "the job that trained the head, if it lies no longer in its output folder"},
    {0}};

/* ---- options of each ---------------------------------------------------------------------------
 */

static const judd_option init[] = {
    {"-o", .value = "JOB.cfg", .values = "*.cfg", .required = true,
     .help = "what to write; a file that is there is never overwritten"},
    {"--test", .value = "PATH", .values = "*",
     .help = "the test files, if their names do not say so: test/ beside train/, t10k or test in "
             "the place of train, CIFAR's own"},
    {"--test-labels", .value = "FILE", .values = "*", .help = "their labels (idx, npy, lines)"},
    {0}};
static const judd_option run[] = {
    {"--shard", .value = "I/N",
     .help = "member I of a job array of N: its share of the comparisons, into OUTPUT.I-of-N, "
             "without verdicts; judd report merges them"},
    {"--fresh", .help = "remove the results of an earlier job in the output folder"},
    {0}};
static const judd_option plan[] = {JSON("every trial, head and cache file, on one line"), {0}};
static const judd_option submit[] = {
    NUMBER("--nodes",
           "default: as many as bring the end within an hour, if they shorten it enough"),
    {"--time", .value = "T",
     .help = "limit as sbatch takes it (1:30:00); default: half as much again as estimated"},
    NUMBER("--array", "a job array of N shards, and a job that merges them when all are complete"),
    {"--yes", .help = "submit it, by sbatch; without, only write it: OUTPUT.sbatch"},
    {0}};
static const judd_option watch[] = {
    {"--once", .help = "one picture; so it is also where the output is no terminal"},
    REAL("--interval", "seconds between two pictures; default 2"),
    {0}};
static const judd_option report[] = {
    {"-o", .value = "FOLDER", .values = "/",
     .help = "bring the shards of a finished job together there, with its verdicts: the bytes of a "
             "job that was not divided"},
    {"--html", .value = "FILE", .values = "*.html",
     .help = "where the page goes; default report.html in FOLDER, else in a single DIR"},
    {"--csv", .help = "also results.csv and verdicts.csv there, for pandas and R"},
    {0}};
static const judd_option export[] = {
    {"-o", .value = "MODEL.onnx", .values = "*.onnx", .help = "what to write", .required = true},
    {"--head-only", .help = "the head alone, on features"},
    SILENT,
    {0}};
static const judd_option predict[] = {
    NUMBER("--top", "only the N likeliest classes of a sample"),
    {"-o", .value = "FILE", .values = "*",
     .help = "instead of standard output; .tsv, .jsonl, .h5 or .html, or as --write says"},
    {"--write", .value = "F", .values = "tsv|jsonl|hdf5|html",
     .help = "tsv, jsonl, hdf5, or html: a contact sheet of the samples"},
    {0}};
static const judd_option features[] = {
    {"--all",
     .help = "of all samples of its tasks, not only of those that trials draw, and with seeds = "
             "\"auto\" of all seeds, not only of the first look's"},
    {0}};
static const judd_option score[] = {
    {"--by", .value = "SCORE", .values = "logme|leep|nce|h|regularised_h|transrate|ridge|centroid",
     .help = "which orders the tables: logme (default), leep, nce, h, regularised_h, transrate, "
             "ridge, centroid"},
    JSON("the lines of scores.jsonl instead of tables"),
    {0}};
static const judd_option pack[] = {
    {"-o", .value = "FILE.h5", .values = "*.h5", .required = true,
     .help = "what to write: the samples as they are, labels, names, checksums; read as format = "
             "\"packed\"; features computed from the source stay valid"},
    SILENT,
    {0}};
static const judd_option inspect[] = {
    {"--tap", .value = "NAME", .repeated = true,
     .help = "of a model: only what leads to this tensor or node; may be repeated"},
    {"--input", .value = "CxHxW",
     .help = "of a model: image dimensions that the file leaves open, as 3x224x224"},
    {"--operators", .help = "instead: all operators that can be executed, as Markdown"},
    {"--keys", .help = "instead: all keys of job files, as Markdown"},
    {"--sheet", .value = "FILE.png", .values = "*.png",
     .help = "of a data set: draw a contact sheet, a row a class"},
    {0}};

static const judd_option doctor[] = {JSON("all checks, as one line of JSON"), {0}};

/* ---- bench -------------------------------------------------------------------------------------
 */

static const judd_option bench_train[] = {
    NUMBER("--samples", "default 50000"),
    NUMBER("--features", "of a sample; default 2048"),
    NUMBER("--classes", "default 10"),
    NUMBER("--batch", "samples a step; default 256"),
    NUMBER("--heads", "trained side by side; default 1"),
    NUMBER("--steps", "default: one epoch"),
    NUMBER("--lanes", "default 16"),
    NUMBER("--seed", "of the order of samples; default 1"),
    {"--reduce", .value = "R", .values = "exact|float",
     .help = "how gradients are added up: exact (default) or float"},
    NUMBER("--memory-mib", "features beyond N MiB a rank come from a cache in --folder"),
    {"--folder", .value = "PATH", .values = "/", .help = "of that cache"},
    {"--no-sgemm", .help = "training alone, without OpenBLAS's time and memory beside it"},
    BENCH_JSON,
    {0}};
static const judd_option bench_allreduce[] = {
    NUMBER("--elements", "default 204800"), NUMBER("--repeats", "default 51"), BENCH_JSON, {0}};
static const judd_option bench_checkpoint[] = {
    NUMBER("--mib", "default 256"),
    NUMBER("--repeats", "default 5, at most 64"),
    {"--folder", .value = "PATH", .values = "/", .help = "where; default the working directory"},
    BENCH_JSON,
    {0}};
static const judd_option bench_path[] = {
    NUMBER("--samples", "default 20000"),
    NUMBER("--tests", "samples of the test; default 5000"),
    NUMBER("--features", "of a sample; default 512"),
    NUMBER("--classes", "default 10"),
    NUMBER("--values", "strengths; default 45"),
    REAL("--first", "the smallest; default 1e-6"),
    REAL("--last", "the largest; default 1e5"),
    NUMBER("--lanes", "default 16"),
    REAL("--tolerance", "on the largest entry of the gradient of the mean loss; default 1e-8"),
    {"--alone", .help = "every strength from zero"},
    {"--standardize", .help = "features by mean and deviation"},
    {"--data", .value = "FILE", .values = "*",
     .help = "float32 [samples + tests, features], then int32 labels, instead of made-up ones"},
    BENCH_JSON,
    {0}};
static const judd_option bench_ridge[] = {
    NUMBER("--samples", "default 20000"),
    NUMBER("--features", "of a sample; default 512"),
    NUMBER("--classes", "default 10"),
    NUMBER("--strengths", "default 45"),
    {"--cholesky", .help = "one strength, factored in place: for many features"},
    BENCH_JSON,
    {0}};
static const judd_option bench_score[] = {NUMBER("--samples", "default 50000"),
                                          NUMBER("--features", "of a sample; default 2048"),
                                          NUMBER("--classes", "default 10"),
                                          NUMBER("--repeats", "default 1"),
                                          CPU,
                                          BENCH_JSON,
                                          {0}};
static const judd_option bench_features[] = {
    {"--tap", .value = "T", .help = "only what leads to this tensor or node"},
    NUMBER("--batch", "images; default 8"),
    NUMBER("--threads", "default 1"),
    NUMBER("--channels", "of the images, where the model leaves them open"),
    NUMBER("--height", "of the images, where the model leaves it open"),
    NUMBER("--width", "of the images, where the model leaves it open"),
    {"--no-winograd", .help = "neither Winograd's nor Strassen's algorithm"},
    {"--precision", .value = "P", .values = "float32|bf16",
     .help = "float32 (the default) or bf16, which takes AVX512_BF16 or AMX"},
    CPU,
    {"--layers", .help = "the time of every layer"},
    BENCH_JSON,
    {0}};
static const judd_option bench_extract[] = {NUMBER("--batch", "images; default 32"),
                                            NUMBER("--threads", "default 1"),
                                            NUMBER("--resize", "of the shorter side; default 256"),
                                            NUMBER("--crop", "default 224"),
                                            NUMBER("--repeats", "default 3"),
                                            BENCH_JSON,
                                            {0}};
static const judd_option bench_json[] = {BENCH_JSON, {0}};
static const judd_option bench_read[] = {
    {"--cold", .help = "also with the system's caches dropped (root only)"}, BENCH_JSON, {0}};

static const judd_command benches[] = {
    {"train",
     .summary = "minibatch SGD of a bank of softmax heads; rates count a sample once per head",
     .options = {bench_train}, .run = judd_bench_train},
    {"allreduce", .summary = "an exact sum over ranks against MPI_SUM of floats",
     .options = {bench_allreduce}, .run = judd_bench_allreduce},
    {"checkpoint",
     .summary = "a checkpoint against a plain write and fsync of as many bytes by rank 0, in turns",
     .options = {bench_checkpoint}, .run = judd_bench_checkpoint},
    {"path",
     .summary = "L-BFGS over many L2 strengths, from the largest down, log-spaced; strengths weigh "
                "the sum of losses, as 1/C in scikit-learn",
     .options = {bench_path}, .run = judd_bench_path},
    {"ridge",
     .summary = "one strength and many by one decomposition with leave-one-out; bytes of matrices "
                "that each rank holds",
     .options = {bench_ridge}, .run = judd_bench_ridge},
    {"score",
     .summary = "the transferability scores that need no source network, against one float64 syrk "
                "of the features",
     .options = {bench_score}, .run = judd_bench_score},
    {"features", "MODEL.onnx", "*.onnx", 1, 1,
     .summary = "images a second of the whole network, or up to a tap", .options = {bench_features},
     .run = judd_bench_features},
    {"extract", "MODEL.onnx FORMAT IMAGES [CLASS-LIST]", "*", 3, 4,
     .summary = "extraction from JPEG and PNG files against the network alone",
     .options = {bench_extract}, .run = judd_bench_extract},
    {"decode", "FORMAT IMAGES [CLASS-LIST]", "*", 2, 3,
     .summary = "JPEG and PNG to what a network takes, on rank 0; FORMAT: folder, tar, list",
     .options = {bench_json}, .run = judd_bench_decode},
    {"read", "DATASET...", "*", 1, 1000,
     .summary = "bytes out of files, every rank its share; the others against the first",
     .options = {bench_read}, .run = judd_bench_read},
    {"vectors", "FILE [DATASET]", "*", 1, 2,
     .summary =
         "FILE: every number of a file of word vectors; FILE DATASET: only the vectors of the "
         "words of its texts, and these texts to features as by fasttext "
         "print-sentence-vectors",
     .options = {data_set, task, in_job, bench_json}, .run = judd_bench_vectors},
    {0}};

/* ---- all of them -------------------------------------------------------------------------------
 */

const judd_command judd_commands[] = {
    {"init", "DATASET [MODEL...]", "*", 1, 1000,
     .summary = "look at a data set and at models, and write a commented job file that runs",
     .options = {init, data_set, task},
     .notes = "DATASET is a path, whose format is recognised by its content; MODEL an ONNX file, "
              "for texts a file of word vectors. Ready features need none.\n"
              "Without test files a fifth of the data is kept apart. CHECK marks in the file what "
              "was guessed, above all how images were prepared when a network was trained.",
     .run = judd_command_init},
    {"run", "JOB.cfg", "*.cfg", 1, 1,
     .summary = "run a job, or resume it, print its verdicts, write report.html",
     .options = {run, set, quiet}, .run = judd_command_run},
    {"plan", "JOB.cfg", "*.cfg", 1, 1,
     .summary = "show what a job would do: trials, shared features and heads, time and memory",
     .options = {plan, set},
     .notes =
         "Reads the data sets, looks into the cache and for finished trials into the output "
         "folder, tries networks that would have to compute on samples that they miss and times a "
         "small product. Changes nothing.",
     .run = judd_command_plan},
    {"submit", "JOB.cfg", "*.cfg", 1, 1,
     .summary = "write a Slurm batch script for a job, show it, and submit it",
     .options = {submit, set, quiet},
     .notes = "--set and --quiet are handed on to judd run.\n"
              "Time is what judd plan estimates on this machine, divided by ranks. What is "
              "particular to the cluster (partition, account, ranks a node, modules) stands in "
              "slurm/site.conf, or in the file that JUDD_SITE names.",
     .run = judd_command_submit},
    {"watch", "OUTPUT...", "/", 1, 1000000,
     .summary = "how far a job is: trials, rate, time left, what is trained now, gains so far, "
                "warnings",
     .options = {watch},
     .notes = "OUTPUT: the output folder of a job, or those of its shards (runs/NAME.*-of-N).\n"
              "Reads files only, locks and writes nothing: also on a login node. Ends when all are "
              "complete; Ctrl-C ends it at any time.",
     .alone = true, .run = judd_command_watch},
    {"report", "DIR...", "/", 1, 1000000,
     .summary = "print what a job, also one that runs or was killed, or all its shards have found, "
                "and write its report.html",
     .options = {report, quiet},
     .notes =
         "DIR: the output folder of a job, or those of its shards (runs/NAME.*-of-N).\n"
         "The page of an unfinished job has gains, but no verdicts. Charts need gnuplot on the "
         "PATH.",
     .run = judd_command_report},
    {"export", "OUTPUT/heads/TRIAL.h5", "*.h5", 1, 1,
     .summary = "the head of a finished trial, with its backbone and preprocessing, as one ONNX "
                "model",
     .options = {export, head},
     .notes =
         "Input image: numbers 0 to 255, resized and cropped as the metadata \"preprocessing\" "
         "says; outputs score and, where the head has them, probability. Class names are in the "
         "metadata.",
     .run = judd_command_export},
    {"predict", "OUTPUT/heads/TRIAL.h5 DATASET", "*", 2, 2,
     .summary = "what the head of a finished trial says of other samples, labelled or not",
     .options = {predict, head, data_set, in_job, quiet},
     .notes = DATASET_NOTE "\n"
                           "Pictures and texts need no labels: a folder, or a file with a text a "
                           "line, will do, - is standard input. Features go through the cache of "
                           "the job.",
     .run = judd_command_predict},
    {"eval", "OUTPUT/heads/TRIAL.h5 DATASET", "*", 2, 2,
     .summary = "metrics of a finished trial's head on new labelled data, beside those of its test "
                "set",
     .options = {head, data_set, labels, in_job, quiet},
     .notes = DATASET_NOTE "\nClasses are matched by name; samples of others are left out, and "
                           "counted.",
     .run = judd_command_eval},
    {"features", "JOB.cfg", "*.cfg", 1, 1,
     .summary = "compute the features of a job, or go on with it, without training",
     .options = {features, set, quiet},
     .notes =
         "One line a cache file: rows needed, computed now, found damaged; seconds of the pass "
         "over the images that it took part in.",
     .run = judd_command_features},
    {"score", "JOB.cfg", "*.cfg", 1, 1,
     .summary = "rank the backbones of a job for each target by transferability scores, without "
                "training",
     .options = {score, set, quiet},
     .notes = "Of training samples only, those that trials of the first seed draw; features that "
              "the cache lacks are computed. Writes scores.jsonl into the output folder; after the "
              "job has run also how well each score agrees with the measured gains.",
     .run = judd_command_score},
    {"verify", "PATH", "*", 1, 1, .summary = "compare every checksum in a file or folder of Judd's",
     .notes =
         "PATH: a feature cache (or the cache folder), a checkpoint (step-N), a head, a file of a "
         "job's predictions, an output folder, or word vectors, every number of them; told by its "
         "content. Rows that a cache does not hold yet are no damage.\n"
         "Exit code 65 when something is damaged. Nothing is changed: judd run mends what it "
         "reads.",
     .run = judd_command_verify},
    {"pack", "DATASET", "*", 1, 1,
     .summary = "put a data set into one file that ranks read in large steps",
     .options = {pack, data_set, task, in_job}, .notes = DATASET_NOTE, .run = judd_command_pack},
    {"inspect", "MODEL.onnx|DATASET|VECTORS|PATH", "*", 0, 1,
     .summary = "a network's layers, costs and taps; a data set's classes, sizes, bad images; word "
                "vectors; what a file or folder of Judd's holds",
     .options = {inspect, data_set, task, in_job},
     .notes = DATASET_NOTE "\nVECTORS: word2vec's, GloVe's or fastText's: what they are; every "
                           "number is looked at.\n"
                           "PATH: a checkpoint (step-N), a head, predictions, a feature cache (or "
                           "the cache folder): every tensor, with its shape and what it is; an "
                           "output folder: how far it is and what failed. judd verify compares "
                           "checksums.",
     .run = judd_command_inspect},
    {"doctor", "[FOLDER]", "/", 0, 1,
     .summary =
         "try what jobs need: MPI, parallel HDF5, BLAS, locks, memory, limits; say what to mend",
     .options = {doctor},
     .notes = "FOLDER: where output folders will be; default the working directory. Use mpirun to "
              "try as many ranks and nodes as a job will have.\n"
              "Exit code 74 when jobs would not run; warnings cost speed or safety.",
     .run = judd_command_doctor},
    {"bench", "MEASUREMENT", .summary = "measure this machine", .commands = benches},
    {0}};

const judd_command *judd_commands_find(const judd_command *list, const char *name) {
    for (; list->name; list++)
        if (strcmp(list->name, name) == 0) return list;
    return NULL;
}
