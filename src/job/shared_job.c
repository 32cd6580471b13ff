#include "job/shared_job.h"

#include <judd/engine/engine.h>

#include <stdlib.h>

judd_status judd_shared_job_read(judd_job **out, const judd_comm *comm, const char *job_file,
                                 const char *const *overrides, int n_overrides) {
    judd_status status = JUDD_OK;
    judd_job *job = NULL;
    char *text = NULL;
    if (comm->rank == 0) {
        status = judd_job_read(&job, job_file, overrides, n_overrides);
        if (status == JUDD_OK) status = judd_job_write(job, &text);
    }
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
    JUDD_TRY(judd_comm_broadcast_string(comm, &text));
    JUDD_TRY(judd_comm_agree(comm, judd_job_read_text(out, text, job_file)));
done:
    judd_job_destroy(job);
    free(text);
    return status;
}

static judd_status agree_on_isa(const judd_comm *comm) {
    double lowest = -(double)judd_engine_isa();
    judd_status status = judd_comm_max(comm, &lowest, 1);
    if (status == JUDD_OK && judd_engine_isa() != (int)-lowest)
        status = judd_engine_limit_isa((int)-lowest);
    return judd_comm_agree(comm, status);
}

judd_status judd_shared_job_settle(judd_job *job, const judd_comm *comm, judd_log *log,
                                   judd_placement *out) {
    judd_status status = JUDD_OK;
    char text[JUDD_PLACEMENT_TEXT];
    judd_placement placement;
    JUDD_TRY(judd_placement_find(&placement, comm));
    judd_placement_line(text, &placement);
    judd_log_info(log, "%s", text);
    judd_placement_advice(text, &placement);
    if (text[0]) judd_log_warning(log, "%s", text);
    if (job->limits.threads == 0) job->limits.threads = placement.cores;
    if (out) *out = placement;
    JUDD_TRY(agree_on_isa(comm));
done:
    return status;
}
