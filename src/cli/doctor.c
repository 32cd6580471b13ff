#include "cli/doctor.h"

#include "cli/commands.h"

#include <judd/job/job.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const words[] = {"ok", "warning", "problem"};

void judd_doctor_say(judd_doctor *d, judd_check check, const char *place, const char *remedy,
                     const char *format, ...) {
    char fact[JUDD_MESSAGE_SIZE];
    va_list list;
    d->n_warnings += check == JUDD_CHECK_WARNING;
    d->n_problems += check == JUDD_CHECK_PROBLEM;
    if (d->comm->rank != 0) return;
    va_start(list, format);
    vsnprintf(fact, sizeof fact, format, list);
    va_end(list);
    if (check == JUDD_CHECK_OK) remedy = NULL;
    json_array_append_new(d->findings, json_pack("{s:s, s:s, s:s, s:s?}", "check", place, "verdict",
                                                 words[check], "fact", fact, "remedy", remedy));
    if (d->as_json) return;
    printf("%-8s %-14s %s%s%s\n", words[check], place, fact, remedy ? "; " : "",
           remedy ? remedy : "");
    fflush(stdout); /* what follows may hang */
}

static judd_status find_node(judd_doctor *d) {
    const judd_comm *comm = d->comm;
    judd_status status = judd_comm_check(
        MPI_Comm_split_type(comm->mpi, MPI_COMM_TYPE_SHARED, comm->rank, MPI_INFO_NULL, &d->node),
        "MPI_Comm_split_type");
    if (status != JUDD_OK) return status;
    MPI_Comm_rank(d->node, &d->node_rank);
    MPI_Comm_size(d->node, &d->node_size);
    int64_t n = d->node_rank == 0;
    status = judd_comm_sum(comm, &n, 1);
    d->n_nodes = (int)n;
    return status;
}

/* The folders a job would use: of results, of features, of tables of samples. */
static judd_status check_folders(judd_doctor *d, const char *output) {
    judd_status status = JUDD_OK;
    const char *tables = getenv("TMPDIR");
    char *cache = NULL;
    JUDD_TRY(judd_job_default_cache(&cache));
    JUDD_TRY(judd_doctor_folder(d, "output", output));
    if (cache)
        JUDD_TRY(judd_doctor_folder(d, "cache", cache));
    else
        judd_doctor_say(d, JUDD_CHECK_WARNING, "cache", "set JUDD_CACHE",
                        "neither JUDD_CACHE, XDG_CACHE_HOME nor HOME is set");
    JUDD_TRY(judd_doctor_folder(d, "TMPDIR", tables && *tables ? tables : "/tmp"));
done:
    free(cache);
    return status;
}

static judd_status conclude(judd_doctor *d) {
    if (d->comm->rank == 0 && d->as_json) {
        json_t *all = json_pack("{s:b, s:i, s:i, s:O}", "usable", d->n_problems == 0, "warnings",
                                d->n_warnings, "problems", d->n_problems, "checks", d->findings);
        json_dumpf(all, stdout, 0);
        printf("\n");
        json_decref(all);
    } else if (d->comm->rank == 0 && d->n_problems == 0) {
        printf("usable; warnings: %d\n", d->n_warnings);
    }
    if (d->n_problems == 0) return JUDD_OK;
    return judd_status_set(JUDD_E_IO, "doctor: not usable; problems: %d, each line says what to do",
                           d->n_problems);
}

judd_status judd_command_doctor(const judd_comm *comm, judd_arguments *a,
                                const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judd_doctor d = {.comm = comm,
                     .node = MPI_COMM_NULL,
                     .findings = json_array(),
                     .as_json = judd_arguments_has(a, "--json")};
    (void)stop; /* nothing to save */
    JUDD_TRY(find_node(&d));
    JUDD_TRY(judd_doctor_ranks(&d));
    JUDD_TRY(judd_doctor_numbers(&d));
    JUDD_TRY(judd_doctor_limits(&d));
    JUDD_TRY(check_folders(&d, a->n ? a->operands[0] : "."));
    JUDD_TRY(judd_doctor_programs(&d));
    JUDD_TRY(conclude(&d));
done:
    if (d.node != MPI_COMM_NULL) MPI_Comm_free(&d.node);
    json_decref(d.findings);
    return status;
}
