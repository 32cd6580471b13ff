#include "job/shared_job.h"

#include <judd/engine/engine.h>

#include <stdlib.h>
#include <unistd.h>

static const judd_job_backbone *find_bf16(const judd_job *job) {
    for (int64_t i = 0; i < job->n_backbones; i++)
        if (judd_job_is_bf16(&job->backbones[i])) return &job->backbones[i];
    return NULL;
}

/* Of this rank. */
static judd_status check_bf16(const judd_job *job) {
    const judd_job_backbone *backbone = find_bf16(job);
    int isa = judd_engine_isa(JUDD_BF16);
    if (!backbone || judd_engine_isa_has_bf16(isa)) return JUDD_OK;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    return judd_status_set(JUDD_E_CONFIG,
                           "backbone %s: precision = \"bf16\" needs a CPU with AVX512_BF16 or AMX, "
                           "but host %s has instruction set %s; run on CPUs that have it, or set "
                           "precision = \"float32\"",
                           backbone->name, host, judd_engine_isa_name(isa));
}

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
    status = judd_comm_agree(comm, check_bf16(*out));
    if (status != JUDD_OK) {
        judd_job_destroy(*out);
        *out = NULL;
    }
done:
    judd_job_destroy(job);
    free(text);
    return status;
}

/* With networks of both precisions it is the set of bfloat16 that counts: its networks would come
 * too late if one of float32 fixed the set of the process. */
static judd_status agree_on_isa(const judd_job *job, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    bool bf16 = find_bf16(job) != NULL;
    judd_precision precision = bf16 ? JUDD_BF16 : JUDD_FLOAT32;
    double lowest = -(double)judd_engine_isa(precision);
    JUDD_TRY(judd_comm_max(comm, &lowest, 1));
    if (bf16 || judd_engine_isa(precision) != (int)-lowest)
        status = judd_engine_limit_isa((int)-lowest);
    JUDD_TRY(judd_comm_agree(comm, status));
done:
    return status;
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
    JUDD_TRY(agree_on_isa(job, comm));
done:
    return status;
}
