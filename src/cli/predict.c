/* judd predict and judd eval: a finished trial's head on other data. */
#include "cli/commands.h"
#include "cli/dataset_argument.h"

#include <judd/job/evaluation.h>
#include <judd/job/predictions_writer.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct arguments {
    const char *command, *head, *job_file;
    judd_dataset_argument data;
    judd_predictions_writer_options write;
    bool quiet, json;
} arguments;

static judd_status take_top(int *top, const char *text) {
    char *end = NULL;
    long n = strtol(text, &end, 10);
    if (n < 1 || n > 1000000 || *end)
        return judd_status_set(JUDD_E_USAGE, "--top %s; give a number of classes, 1 or more", text);
    *top = (int)n;
    return JUDD_OK;
}

/* --format is the data set's, so the output's is told by -o FILE or named by --write. */
static judd_status take_value(arguments *a, bool *taken, int *i, int argc, char **argv) {
    bool predict = strcmp(a->command, "predict") == 0;
    const struct {
        const char *name, **value;
        bool allowed;
    } options[] = {{"--job", &a->job_file, true},
                   {"-o", &a->write.path, predict},
                   {"--write", &a->write.format, predict},
                   {"--top", NULL, predict}};
    for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
        if (!options[k].allowed || strcmp(argv[*i], options[k].name) != 0) continue;
        if (*i + 1 == argc)
            return judd_status_set(JUDD_E_USAGE, "%s: %s needs a value", a->command, argv[*i]);
        *taken = true;
        ++*i;
        if (!options[k].value) return take_top(&a->write.top, argv[*i]);
        *options[k].value = argv[*i];
        return JUDD_OK;
    }
    return JUDD_OK;
}

static judd_status parse(arguments *a, int argc, char **argv) {
    judd_status status = JUDD_OK;
    for (int i = 1; i < argc; i++) {
        bool taken = false;
        JUDD_TRY(take_value(a, &taken, &i, argc, argv));
        if (taken) continue;
        if (strcmp(argv[i], "--quiet") == 0 || strcmp(argv[i], "-q") == 0) {
            a->quiet = true;
        } else if (argv[i][0] != '-' && !a->head) {
            a->head = argv[i];
        } else {
            JUDD_TRY(judd_dataset_argument_take(&a->data, &taken, &i, argc, argv));
            if (!taken)
                JUDD_FAIL(JUDD_E_USAGE, "%s: unknown argument %s; see judd %s --help", a->command,
                          argv[i], a->command);
        }
    }
    if (!a->head || !a->data.text)
        JUDD_FAIL(JUDD_E_USAGE, "%s: write judd %s OUTPUT/heads/TRIAL.h5 DATASET", a->command,
                  a->command);
done:
    return status;
}

/* What both commands have in hand. */
typedef struct judgement {
    arguments a;
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
    judd_dataset_argument_free(&j->a.data);
}

static judd_status open_head(judgement *j, const judd_comm *comm, int argc, char **argv) {
    judd_status status = JUDD_OK;
    j->a.command = argv[0];
    JUDD_TRY(judd_comm_agree(comm, parse(&j->a, argc, argv)));
    JUDD_TRY(judd_predictor_open(&j->predictor, comm, j->a.head, j->a.job_file));
done:
    return status;
}

static judd_status judge(judgement *j, const judd_comm *comm, judd_task_kind task,
                         const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    const judd_predictor_info *head = judd_predictor_info_of(j->predictor);
    judd_dataset_options *o = &j->a.data.options;
    j->a.data.texts = head->text;
    o->task = task;
    o->cache = head->cache;
    o->dct_side = head->dct_side;
    JUDD_TRY(judd_dataset_argument_open(&j->dataset, &j->a.data, comm));
    JUDD_TRY(judd_comm_agree(
        comm, judd_predictor_select(&j->samples, &j->n_foreign, j->predictor, j->dataset)));
    JUDD_TRY(judd_predictor_scores(&j->scores, &j->rows, j->predictor, j->dataset, &j->samples,
                                   stop, strcmp(j->a.data.text, "-") != 0, j->a.quiet));
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

judd_status judd_command_predict(const judd_comm *comm, int argc, char **argv,
                                 const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judgement j = {0};
    JUDD_TRY(open_head(&j, comm, argc, argv));
    JUDD_TRY(judd_predictions_writer_check(&j.a.write, judd_predictor_info_of(j.predictor)));
    JUDD_TRY(judge(&j, comm, JUDD_NO_TASK, stop));
    print_left_out(&j, comm);
    JUDD_TRY(judd_predictions_writer_run(j.predictor, j.dataset, &j.samples, j.scores,
                                         &j.rows.lanes, comm, &j.a.write));
done:
    judgement_free(&j);
    return status;
}

judd_status judd_command_eval(const judd_comm *comm, int argc, char **argv,
                              const volatile sig_atomic_t *stop) {
    judd_status status = JUDD_OK;
    judgement j = {0};
    judd_figures figures = {0};
    JUDD_TRY(open_head(&j, comm, argc, argv));
    const judd_predictor_info *head = judd_predictor_info_of(j.predictor);
    JUDD_TRY(judge(&j, comm, head->task, stop));
    print_left_out(&j, comm);
    JUDD_TRY(judd_figures_measure(&figures, j.scores, head->outputs, head->n_outputs, &j.rows, NAN,
                                  "no validation samples", comm));
    if (comm->rank == 0) status = judd_evaluation_print(stdout, &figures, head, j.a.data.text);
    JUDD_TRY(judd_comm_broadcast_status(comm, status));
done:
    judd_figures_free(&figures);
    judgement_free(&j);
    return status;
}
