/** judd doctor: what this machine, its MPI and its folders are like, found out by trying. */
#ifndef JUDD_SRC_CLI_DOCTOR_H
#define JUDD_SRC_CLI_DOCTOR_H

#include <judd/comm/comm.h>

#include <jansson.h>
#include <stdbool.h>

typedef enum judd_check {
    JUDD_CHECK_OK,
    JUDD_CHECK_WARNING, /* jobs run, but slowly or with a risk */
    JUDD_CHECK_PROBLEM  /* jobs do not run */
} judd_check;

typedef struct judd_doctor {
    const judd_comm *comm;
    MPI_Comm node; /* the ranks of this node */
    int node_rank, node_size, n_nodes;
    json_t *findings; /* rank 0: in order */
    int n_warnings, n_problems;
    bool as_json;
} judd_doctor;

/** One line: where, what is so, what to do (NULL: nothing). Rank 0 shows it; all ranks must pass
 *  the same check and place, the text counts on rank 0. */
void judd_doctor_say(judd_doctor *d, judd_check check, const char *place, const char *remedy,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));

/** Each is collective and returns an error only if it cannot go on. */
judd_status judd_doctor_ranks(judd_doctor *d);
judd_status judd_doctor_numbers(judd_doctor *d);
judd_status judd_doctor_limits(judd_doctor *d);
judd_status judd_doctor_folder(judd_doctor *d, const char *what, const char *path);
judd_status judd_doctor_programs(judd_doctor *d);

#endif
