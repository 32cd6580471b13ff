/* judd predict and judd eval: a finished trial's head on other data. */
#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/job/evaluation.h>
#include <judd/job/predictions_writer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What both commands have in hand. */
typedef struct judgement {
    judd_dataset_argument data;
    bool quiet;
    judd_predictor *predictor;
    judd_dataset *dataset;
    judd_task_samples samples;
    int64_t n_foreign;
    float *scores;
    judd_rows rows;
} judgement;

static void judgement_free(judgement *j) {
    judd_rows_free(&j->rows);
    free(j->scores);
    judd_task_free(&j->samples);
    judd_dataset_close(j->dataset);
    judd_predictor_close(j->predictor);
    judd_dataset_argument_free(&j->data);
}

static judd_status open_head(judgement *j, const judd_comm *comm, judd_arguments *a) {
    judd_status status = JUDD_OK;
    j->quiet = judd_arguments_has(a, "--quiet");
    JUDD_TRY(judd_comm_agree(comm, judd_dataset_argument_read(&j->data, a, 1)));
    JUDD_TRY(judd_predictor_open(&j->predictor, comm, a->operands[0],
                                 judd_arguments_text(a, "--job", NULL)));
done:
    return status;
}

static judd_status judge(judgement *j, const judd_comm *comm, judd_task_kind task,
                         const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    const judd_predictor_info *head = judd_predictor_info_of(j->predictor);
    judd_dataset_options *o = &j->data.options;
    j->data.texts = head->text;
    o->task = task;
    o->cache = head->cache;
    o->dct_side = head->dct_side;
    JUDD_TRY(judd_dataset_argument_open(&j->dataset, &j->data, comm));
    JUDD_TRY(judd_comm_agree(
        comm, judd_predictor_select(&j->samples, &j->n_foreign, j->predictor, j->dataset)));
    JUDD_TRY(judd_predictor_scores(&j->scores, &j->rows, j->predictor, j->dataset, &j->samples,
                                   stop, strcmp(j->data.text, "-") != 0, j->quiet));
done:
    return status;
}

static void print_left_out(const judgement *j, const judd_comm *comm) {
    const judd_dataset_info *info = judd_dataset_info_of(j->dataset);
    if (comm->rank != 0) return;
    for (int64_t i = 0; i < info->n_bad; i++)
        fprintf(stderr, "judd: warning: %s left out: %s\n", info->bad[i].path, info->bad[i].reason);
    if (j->n_foreign > 0)
        fprintf(stderr, "judd: warning: %lld samples left out: not of the head's classes\n",
                (long long)j->n_foreign);
}

judd_status judd_command_predict(const judd_comm *comm, judd_arguments *a,
                                 const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judgement j = {0};
    int64_t top = 0;
    /* --format is the data set's, so the output's is told by -o FILE or named by --write. */
    judd_predictions_writer_options write = {.format = judd_arguments_text(a, "--write", NULL)};
    JUDD_TRY(judd_comm_agree(comm, judd_arguments_output(&write.path, a, "-o")));
    JUDD_TRY(judd_arguments_whole(&top, a, "--top", 1, 1000000));
    write.top = (int)top;
    JUDD_TRY(open_head(&j, comm, a));
    JUDD_TRY(judd_predictions_writer_check(&write, judd_predictor_info_of(j.predictor)));
    JUDD_TRY(judge(&j, comm, JUDD_NO_TASK, stop));
    print_left_out(&j, comm);
    JUDD_TRY(judd_predictions_writer_run(j.predictor, j.dataset, &j.samples, j.scores,
                                         &j.rows.lanes, comm, &write));
done:
    judgement_free(&j);
    return status;
}

judd_status judd_command_eval(const judd_comm *comm, judd_arguments *a,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judgement j = {0};
    judd_figures figures = {0};
    JUDD_TRY(open_head(&j, comm, a));
    const judd_predictor_info *head = judd_predictor_info_of(j.predictor);
    JUDD_TRY(judge(&j, comm, head->task, stop));
    print_left_out(&j, comm);
    JUDD_TRY(judd_figures_measure(&figures, j.scores, head->outputs, head->n_outputs, &j.rows, NAN,
                                  "no validation samples", comm));
    if (comm->rank == 0) status = judd_evaluation_print(stdout, &figures, head, j.data.text);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    judd_figures_free(&figures);
    judgement_free(&j);
    return status;
}
