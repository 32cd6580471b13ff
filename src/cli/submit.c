/* judd submit: what judd plan estimates becomes a batch script that starts slurm/judd.sbatch. */
#include "cli/commands.h"
#include "cli/job_argument.h"

#include <judd/base/memory.h>
#include <judd/base/share.h>
#include <judd/io/atomic_file.h>
#include <judd/job/forecast.h>

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_NODES = 64, MOST_MEMBERS = 10000, SITE_BYTES = 65536 };
static const double ENOUGH_S = 3600.0;  /* no more nodes to end sooner than that */
static const double WORTH = 0.75;       /* twice the nodes must save a quarter of the time */
static const double MARGIN = 1.5;       /* the estimate is rough */
static const double PROGRAM_MIB = 50.0; /* of a rank: program and MPI, as tests/README.md has it */
static const double START_S = 600.0;    /* to start, read, checkpoint before the limit */
static const double TIME_STEP_S = 600.0;

typedef struct submission {
    judd_run_options options;
    const char *time; /* as given, or of default_time */
    char default_time[32];
    long nodes, members, ranks_per_node;
    char *scripts; /* folder of judd.sbatch */
    char *site;    /* text of site.conf, or NULL */
    const char *site_path;
    char beside[PATH_MAX]; /* site.conf beside judd.sbatch */
    judd_forecast_size size;
    double seconds; /* estimated on these nodes */
    char program[PATH_MAX];
    char *path; /* of the script */
} submission;

/* A positive whole number, at most `most`. */
static judd_status parse_count(long *out, const char *name, const char *text, long most) {
    char *end = NULL;
    long n = strtol(text, &end, 10);
    if (end == text || *end || n < 1 || n > most)
        return judd_status_set(JUDD_E_USAGE, "submit: %s %.32s: write a number from 1 to %ld", name,
                               text, most);
    *out = n;
    return JUDD_OK;
}

/* ---- settings of the site ----------------------------------------------------------------------
 */

static judd_status find_scripts(submission *s) {
    const char *folder = getenv("JUDD_SLURM");
    judd_status status = folder && *folder ? judd_memory_string(&s->scripts, folder)
                                           : judd_share_folder(&s->scripts, "slurm");
    if (status == JUDD_OK && !s->scripts)
        status =
            judd_status_set(JUDD_E_IO, "submit: the batch scripts are not beside this program; "
                                       "set JUDD_SLURM to the folder of judd.sbatch");
    return status;
}

static judd_status read_site(submission *s) {
    int64_t bytes = 0;
    s->site_path = getenv("JUDD_SITE");
    if (s->site_path && *s->site_path)
        return judd_atomic_file_read(&s->site, &bytes, s->site_path, SITE_BYTES);
    snprintf(s->beside, sizeof s->beside, "%s/site.conf", s->scripts);
    s->site_path = s->beside;
    if (access(s->beside, R_OK) != 0) return JUDD_OK;
    return judd_atomic_file_read(&s->site, &bytes, s->beside, SITE_BYTES);
}

/* The value of a line NAME=value, or NAME="value", of the site's settings: [length] characters. */
static const char *setting(const submission *s, const char *name, int *length) {
    const size_t n = strlen(name);
    const char *found = NULL;
    for (const char *line = s->site; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) != 0 || line[n] != '=') continue;
        found = line + n + 1;
        bool quoted = *found == '"' || *found == '\'';
        found += quoted;
        *length = (int)strcspn(found, quoted ? "\"'\n" : " \t#\r\n");
    }
    return found && *length > 0 ? found : NULL;
}

static judd_status choose_ranks(submission *s) {
    char text[16];
    int length = 0;
    const char *value = setting(s, "JUDD_RANKS_PER_NODE", &length);
    s->ranks_per_node = sysconf(_SC_NPROCESSORS_ONLN);
    if (!value) return JUDD_OK;
    snprintf(text, sizeof text, "%.*s", length, value);
    return parse_count(&s->ranks_per_node, "JUDD_RANKS_PER_NODE in the site's settings:", text,
                       4096);
}

/* ---- how much ----------------------------------------------------------------------------------
 */

/* Banks are trained side by side, each by at most as many ranks as there are lanes. */
static double seconds_on(const submission *s, long nodes) {
    double ranks = (double)(nodes * s->ranks_per_node);
    return s->size.start_s + s->size.features_s / ranks +
           fmax(s->size.training_s / ranks, s->size.longest_s / fmin(ranks, (double)s->size.lanes));
}

static void choose_size(submission *s) {
    long nodes = s->nodes ? s->nodes : 1;
    while (!s->nodes && seconds_on(s, nodes) > ENOUGH_S && 2 * nodes <= MOST_NODES &&
           seconds_on(s, 2 * nodes) <= WORTH * seconds_on(s, nodes))
        nodes *= 2;
    s->nodes = nodes;
    s->seconds = seconds_on(s, nodes);
    if (s->time) return;
    double minutes = ceil((MARGIN * s->seconds + START_S) / TIME_STEP_S) * TIME_STEP_S / 60.0;
    snprintf(s->default_time, sizeof s->default_time, "%.0f:%02.0f:00", floor(minutes / 60.0),
             fmod(minutes, 60.0));
    s->time = s->default_time;
}

/* Of the busiest node, MiB: groups of ranks hold their banks' rows side by side, at worst one each.
 */
static double memory_of(const submission *s) {
    const judd_forecast_size *z = &s->size;
    return z->network_mib + (double)s->ranks_per_node * (PROGRAM_MIB + z->rows_mib);
}

/* Each line of the text behind a hash. */
static void write_comment(FILE *file, const char *text) {
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        fprintf(file, "#   %.*s\n", (int)strcspn(line, "\n"), line);
}

static void write_estimate(FILE *file, const submission *s) {
    const judd_forecast_size *z = &s->size;
    long ranks = s->nodes * s->ranks_per_node;
    fprintf(file, "# Estimated on this machine, idle or not, for %ld ranks%s: about %.0f s\n",
            ranks, s->members ? " and the first shard" : "", s->seconds);
    fprintf(file,
            "#   start %.1f s (inputs read and checked now), features %.1f s, training %.1f s; not "
            "below %.1f s, the longest head on %lld lanes\n",
            z->start_s, z->features_s / (double)ranks,
            s->seconds - z->start_s - z->features_s / (double)ranks,
            z->longest_s / (double)z->lanes, (long long)z->lanes);
    fprintf(file,
            "#   memory of a node about %.0f MiB: %ld ranks of %.0f MiB and rows of %.0f, "
            "networks %.0f\n",
            memory_of(s), s->ranks_per_node, PROGRAM_MIB, z->rows_mib, z->network_mib);
    write_comment(file, z->basis);
    fprintf(file, "# Time limit: %s\n",
            s->time == s->default_time ? "half as much again and ten minutes, by tens of minutes"
                                       : "as given");
}

/* ---- the script --------------------------------------------------------------------------------
 */

/* One word of the shell, whatever it holds. */
static void quote(FILE *file, const char *text) {
    fputc('\'', file);
    for (; *text; text++)
        if (*text == '\'')
            fputs("'\\''", file);
        else
            fputc(*text, file);
    fputc('\'', file);
}

static void write_variable(FILE *file, const char *name, const char *value) {
    fprintf(file, "export %s=", name);
    quote(file, value);
    fputc('\n', file);
}

static void write_directives(FILE *file, const submission *s) {
    int length = 0;
    const char *value;
    fprintf(file, "#SBATCH --job-name=judd\n#SBATCH --nodes=%ld\n", s->nodes);
    fprintf(file, "#SBATCH --ntasks-per-node=%ld\n#SBATCH --cpus-per-task=1\n", s->ranks_per_node);
    fprintf(file, "#SBATCH --time=%s\n", s->time);
    if (s->members) fprintf(file, "#SBATCH --array=1-%ld\n", s->members);
    if ((value = setting(s, "SBATCH_PARTITION", &length)))
        fprintf(file, "#SBATCH --partition=%.*s\n", length, value);
    if ((value = setting(s, "SBATCH_ACCOUNT", &length)))
        fprintf(file, "#SBATCH --account=%.*s\n", length, value);
    fprintf(file, "#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n#SBATCH --open-mode=append\n");
    fprintf(file, "#SBATCH --output=judd-%s.log\n", s->members ? "%A-%a" : "%j");
}

static void write_script(FILE *file, const submission *s) {
    const judd_run_options *o = &s->options;
    fprintf(file, "#!/bin/bash\n# By judd submit.\n");
    write_directives(file, s);
    write_estimate(file, s);
    write_variable(file, "JUDD", s->program);
    write_variable(file, "JUDD_SLURM", s->scripts);
    if (s->site) write_variable(file, "JUDD_SITE", s->site_path);
    write_variable(file, "JUDD_OUTPUT", s->size.output);
    fputs("exec bash \"$JUDD_SLURM/judd.sbatch\" ", file);
    quote(file, o->job_file);
    for (int i = 0; i < o->n_overrides; i++) {
        fputs(" --set ", file);
        quote(file, o->overrides[i]);
    }
    fputs(o->quiet ? " --quiet\n" : "\n", file);
}

/* Shown, and beside the output folder. */
static judd_status make_script(submission *s) {
    judd_status status = JUDD_OK;
    char *text = NULL, *folder = NULL, *slash;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (!file) JUDD_FAIL(JUDD_E_INTERNAL, "submit: no memory");
    write_script(file, s);
    if (fclose(file) != 0) JUDD_FAIL(JUDD_E_INTERNAL, "submit: no memory");
    JUDD_TRY(judd_memory_format(&s->path, "%s.sbatch", s->size.output));
    JUDD_TRY(judd_memory_string(&folder, s->path));
    if ((slash = strrchr(folder, '/')) && slash > folder) {
        *slash = '\0';
        JUDD_TRY(judd_atomic_file_make_folder(folder));
    }
    JUDD_TRY(judd_atomic_file_write(s->path, text, (int64_t)bytes));
    fputs(text, stdout);
done:
    free(text);
    free(folder);
    return status;
}

/* ---- submission --------------------------------------------------------------------------------
 */

/* sbatch --parsable with these further arguments: the job's number. */
static judd_status run_sbatch(long *id, char **arguments) {
    judd_status status = JUDD_OK;
    posix_spawn_file_actions_t actions;
    char answer[64] = "";
    pid_t pid = 0;
    int how = 0, out = memfd_create("id", MFD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    if (out < 0) JUDD_FAIL(JUDD_E_IO, "submit: %s", strerror(errno));
    posix_spawn_file_actions_adddup2(&actions, out, 1);
    int failed = posix_spawnp(&pid, "sbatch", &actions, NULL, arguments, environ);
    if (failed)
        JUDD_FAIL(JUDD_E_IO, "sbatch: cannot start: %s; submit from a login node of the cluster",
                  strerror(failed));
    while (waitpid(pid, &how, 0) < 0 && errno == EINTR) {}
    if (pread(out, answer, sizeof answer - 1, 0) < 0 || how != 0 || (*id = atol(answer)) < 1)
        JUDD_FAIL(JUDD_E_IO, "sbatch: refused, as it says above; see slurm/site.conf");
done:
    posix_spawn_file_actions_destroy(&actions);
    if (out >= 0) close(out);
    return status;
}

/* A setting of the site as sbatch takes it from the environment, for what has no script. */
static void hand_on(const submission *s, const char *name) {
    char text[256];
    int length = 0;
    const char *value = setting(s, name, &length);
    if (!value) return;
    snprintf(text, sizeof text, "%.*s", length, value);
    setenv(name, text, 0);
}

/* When all members are complete, their folders become one, as judd report does it. */
static judd_status submit_merge(const submission *s, long array) {
    judd_status status = JUDD_OK;
    char after[64], *text = NULL;
    size_t bytes = 0;
    long id = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (!file) return judd_status_set(JUDD_E_INTERNAL, "submit: no memory");
    quote(file, s->program);
    fputs(" report ", file);
    quote(file, s->size.output);
    fprintf(file, ".*-of-%ld -o ", s->members);
    quote(file, s->size.output);
    if (fclose(file) != 0) JUDD_FAIL(JUDD_E_INTERNAL, "submit: no memory");
    hand_on(s, "SBATCH_PARTITION");
    hand_on(s, "SBATCH_ACCOUNT");
    snprintf(after, sizeof after, "--dependency=afterok:%ld", array);
    char *arguments[] = {
        "sbatch",     "--parsable", "--kill-on-invalid-dep=yes", "--job-name=judd-merge",
        "--ntasks=1", after,        "--output=judd-%j.log",      "--wrap",
        text,         NULL};
    JUDD_TRY(run_sbatch(&id, arguments));
    printf("job %ld merges them into %s when all are complete\n", id, s->size.output);
done:
    free(text);
    return status;
}

static judd_status submit(submission *s) {
    long id = 0;
    char *arguments[] = {"sbatch", "--parsable", s->path, NULL};
    judd_status status = run_sbatch(&id, arguments);
    if (status != JUDD_OK) return status;
    printf("\nsubmitted %s as job %ld\n", s->path, id);
    return s->members ? submit_merge(s, id) : JUDD_OK;
}

/* ---- the command -------------------------------------------------------------------------------
 */

static judd_status read_arguments(submission *s, judd_arguments *a) {
    judd_status status = JUDD_OK;
    s->time = judd_arguments_text(a, "--time", NULL);
    s->options.quiet = judd_arguments_has(a, "--quiet");
    JUDD_TRY(judd_job_argument_read(&s->options, a));
    JUDD_TRY(judd_arguments_whole(&s->nodes, a, "--nodes", 1, 1000000));
    JUDD_TRY(judd_arguments_whole(&s->members, a, "--array", 1, MOST_MEMBERS));
    if (s->members) s->options.shard = (judd_shard){1, s->members};
    if (s->time && (!*s->time || strspn(s->time, "0123456789:-") != strlen(s->time)))
        JUDD_FAIL(JUDD_E_USAGE, "submit: --time %.32s: write 90 (minutes), 1:30:00 or 1-12:00:00",
                  s->time);
done:
    return status;
}

judd_status judd_command_submit(const judd_comm *comm, judd_arguments *a,
                                const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    submission s = {.options = {.stop = stop}};
    bool yes = judd_arguments_has(a, "--yes");
    if (comm->size != 1) return judd_status_set(JUDD_E_USAGE, "submit: start it without mpirun");
    JUDD_TRY(read_arguments(&s, a));
    JUDD_TRY(find_scripts(&s));
    JUDD_TRY(read_site(&s));
    JUDD_TRY(choose_ranks(&s));
    if (readlink("/proc/self/exe", s.program, sizeof s.program - 1) < 0)
        JUDD_FAIL(JUDD_E_IO, "/proc/self/exe: %s", strerror(errno));
    JUDD_TRY(judd_forecast_measure(&s.size, comm, &s.options));
    choose_size(&s);
    JUDD_TRY(make_script(&s));
    if (yes) JUDD_TRY(submit(&s));
    if (!yes) printf("\nwritten to %s, not submitted: --yes does\n", s.path);
done:
    judd_job_argument_free(&s.options);
    free(s.scripts);
    free(s.site);
    free(s.size.output);
    free(s.size.basis);
    free(s.path);
    return status;
}
