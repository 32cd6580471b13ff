#include "job/predictions.h"

#include "job/trial_files.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/io/h5.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the arrays of a file, which its sha256 covers in this order --------------------------------
 */

typedef enum number { INT64, INT32, FLOAT, DOUBLE } number;

typedef struct array {
    const char *name;
    number type;
    int rank; /* 2: [n, n_outputs] */
    const char *description;
} array;

enum { MOST_ARRAYS = 4 };
static const char *const task_names[] = {"classification", "multilabel", "regression"};

static const array arrays[][MOST_ARRAYS] = {
    [JUDD_CLASSIFICATION] = {{"sample_id", INT64, 1, "samples of the test files"},
                             {"label", INT32, 1, "true class"},
                             {"predicted", INT32, 1, "predicted class"}},
    [JUDD_MULTILABEL] = {{"sample_id", INT64, 1, "samples of the test files"},
                         {"label", INT32, 2, "1 where the sample is of the class, else 0"},
                         {"predicted", INT32, 2, "1 where the head says so, else 0"},
                         {"share", DOUBLE, 1, "of the sample in map, whose value is their mean"}},
    [JUDD_REGRESSION] = {{"sample_id", INT64, 1, "samples of the test files"},
                         {"target", FLOAT, 2, "true values"},
                         {"predicted", FLOAT, 2, "predicted values"},
                         {"share", DOUBLE, 1, "of the sample in r2, whose value is their mean"}}};

static size_t size_of(number type) {
    return type == INT64 || type == DOUBLE ? 8 : 4;
}

static hid_t memory_type(number type) {
    return type == INT64   ? H5T_NATIVE_INT64
           : type == INT32 ? H5T_NATIVE_INT32
           : type == FLOAT ? H5T_NATIVE_FLOAT
                           : H5T_NATIVE_DOUBLE;
}

static hid_t file_type(number type) {
    return type == INT64   ? H5T_STD_I64LE
           : type == INT32 ? H5T_STD_I32LE
           : type == FLOAT ? H5T_IEEE_F32LE
                           : H5T_IEEE_F64LE;
}

/* A file's arrays in memory; those that do not occur are NULL. */
typedef struct contents {
    judd_task_kind task;
    int64_t n, n_outputs;
    const void *data[MOST_ARRAYS]; /* as the table has them */
    const float *score;            /* [n, n_outputs] */
    const int64_t *confusion;      /* [n_outputs, n_outputs], classes only */
    const char *const *names;      /* [n_outputs] */
} contents;

static int64_t count_of(const contents *c, const array *a) {
    return a->rank == 2 ? c->n * c->n_outputs : c->n;
}

/* SHA-256 over the arrays: a verdict never rests on a flipped bit. */
static judd_status hash_arrays(char hex[JUDD_SHA256_HEX], const contents *c) {
    judd_hash *hash = NULL;
    judd_status status = judd_hash_create(&hash);
    if (status != JUDD_OK) return status;
    for (int i = 0; i < MOST_ARRAYS && arrays[c->task][i].name; i++) {
        const array *a = &arrays[c->task][i];
        judd_hash_add(hash, c->data[i], (size_t)count_of(c, a) * size_of(a->type));
    }
    judd_hash_finish(hash, hex);
    judd_hash_destroy(hash);
    return JUDD_OK;
}

/* ---- writing ------------------------------------------------------------------------------------
 */

static const char *const score_descriptions[] = {
    "of each class: the largest is predicted; softmax of logits gives probabilities",
    "of each class: the logistic function of logits gives probabilities", "predicted values"};

typedef struct job {
    const judd_predictions *p;
    const char *trial;
    contents c;
} job;

static judd_status fill(hid_t file, const void *context) {
    judd_status status = JUDD_OK;
    const job *j = context;
    const contents *c = &j->c;
    char hex[JUDD_SHA256_HEX];
    int64_t dims[2] = {c->n, c->n_outputs}, square[2] = {c->n_outputs, c->n_outputs};
    JUDD_TRY(hash_arrays(hex, c));
    JUDD_TRY(judd_h5_set_string(file, "/", "title", "Judd test predictions"));
    JUDD_TRY(judd_h5_set_int(file, "/", "schema", 1));
    JUDD_TRY(judd_h5_set_string(file, "/", "trial", j->trial));
    JUDD_TRY(judd_h5_set_string(file, "/", "task", task_names[c->task]));
    JUDD_TRY(judd_h5_set_string(file, "/", "metric", j->p->figures->list[0].name));
    JUDD_TRY(judd_h5_set_string(file, "/", "sha256", hex)); /* of the arrays in their order */
    for (int i = 0; i < MOST_ARRAYS && arrays[c->task][i].name; i++) {
        const array *a = &arrays[c->task][i];
        JUDD_TRY(judd_h5_put(file, a->name, file_type(a->type), memory_type(a->type), a->rank, dims,
                             a->description, c->data[i]));
    }
    JUDD_TRY(judd_h5_put(file, "score", H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, 2, dims,
                         score_descriptions[c->task], c->score));
    if (c->confusion)
        JUDD_TRY(judd_h5_put(file, "confusion", H5T_STD_I64LE, H5T_NATIVE_INT64, 2, square,
                             "samples by true class (rows) and predicted class (columns)",
                             c->confusion));
    JUDD_TRY(judd_h5_write_strings(file, "output_names", c->names, c->n_outputs,
                                   "classes, labels or targets, as the columns of score"));
done:
    return status;
}

/* True and said labels as integers. */
static judd_status integers_of(int32_t **truth, int32_t **said, const judd_predictions *p) {
    judd_status status = JUDD_OK;
    int64_t n = p->figures->n * p->figures->n_outputs;
    JUDD_TRY(judd_memory_alloc(truth, n, sizeof **truth));
    JUDD_TRY(judd_memory_alloc(said, n, sizeof **said));
    for (int64_t i = 0; i < n; i++) {
        (*truth)[i] = p->test->targets[i] > 0.5f;
        (*said)[i] = p->figures->score[i] > p->figures->threshold;
    }
done:
    return status;
}

judd_status judd_predictions_name(char **name, const char *trial, const char *dataset) {
    return judd_memory_format(name, "%s+%s", trial, dataset);
}

judd_status judd_predictions_write(const char *folder, const char *trial,
                                   const judd_predictions *p) {
    judd_status status = JUDD_OK;
    int32_t *truth = NULL, *said = NULL;
    double *none = NULL; /* of a metric that is not defined */
    const judd_figures *f = p->figures;
    job j = {p,
             trial,
             {.task = p->task,
              .n = f->n,
              .n_outputs = f->n_outputs,
              .score = f->score,
              .confusion = f->confusion,
              .names = p->output_names}};
    j.c.data[0] = p->test->ids;
    if (!f->share) {
        JUDD_TRY(judd_memory_alloc(&none, f->n, sizeof *none));
        for (int64_t i = 0; i < f->n; i++) none[i] = NAN;
    }
    j.c.data[3] = f->share ? f->share : none;
    if (p->task == JUDD_CLASSIFICATION) {
        j.c.data[1] = p->test->labels;
        j.c.data[2] = f->predicted;
    } else if (p->task == JUDD_MULTILABEL) {
        JUDD_TRY(integers_of(&truth, &said, p));
        j.c.data[1] = truth;
        j.c.data[2] = said;
    } else {
        j.c.data[1] = p->test->targets;
        j.c.data[2] = f->score;
    }
    JUDD_TRY(judd_trial_files_write(folder, "predictions", trial, fill, &j));
done:
    free(truth);
    free(said);
    free(none);
    return status;
}

/* ---- reading ------------------------------------------------------------------------------------
 */

static judd_status read_task(judd_task_kind *task, hid_t file) {
    judd_status status = JUDD_OK;
    char *name = NULL;
    bool known = false;
    JUDD_TRY(judd_h5_get_string(file, "/", "task", &name));
    for (int t = 0; t < 3; t++)
        if (strcmp(name, task_names[t]) == 0) {
            *task = (judd_task_kind)t;
            known = true;
        }
    if (!known) JUDD_FAIL(JUDD_E_DATA, "task \"%.40s\" is none of ours", name);
done:
    free(name);
    return status;
}

static judd_status read_array(void **out, hid_t file, const contents *c, const array *a) {
    judd_status status = JUDD_OK;
    int64_t dims[2] = {0, c->n_outputs};
    void *data = NULL;
    JUDD_TRY(judd_h5_dims(file, a->name, a->rank, dims));
    if (dims[0] != c->n || dims[1] != c->n_outputs)
        JUDD_FAIL(JUDD_E_DATA, "%s differs from score in its size", a->name);
    JUDD_TRY(judd_memory_alloc(&data, count_of(c, a), size_of(a->type)));
    JUDD_TRY(judd_h5_read(file, a->name, memory_type(a->type), data));
    *out = data;
    data = NULL;
done:
    free(data);
    return status;
}

static void release(void **owned) {
    for (int i = 0; i < MOST_ARRAYS; i++) free(owned[i]);
}

/* A whole file of another trial is no result of this one. The first files did not say whose they
 * are. */
static judd_status check_trial(hid_t file, const char *trial) {
    judd_status status = JUDD_OK;
    char *name = NULL;
    if (H5Aexists(file, "trial") <= 0) return JUDD_OK;
    JUDD_TRY(judd_h5_get_string(file, "/", "trial", &name));
    if (strcmp(name, trial) != 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "holds predictions of %.200s; delete it, and COMPLETED, and run again", name);
done:
    free(name);
    return status;
}

/* Everything but the scores, checked. */
static judd_status read_contents(contents *c, void **owned, hid_t file, const char *trial) {
    judd_status status = JUDD_OK;
    int64_t dims[2];
    char *stored = NULL, hex[JUDD_SHA256_HEX];
    JUDD_TRY(check_trial(file, trial));
    JUDD_TRY(read_task(&c->task, file));
    JUDD_TRY(judd_h5_dims(file, "score", 2, dims));
    c->n = dims[0];
    c->n_outputs = dims[1];
    if (c->n < 1 || c->n_outputs < 1) JUDD_FAIL(JUDD_E_DATA, "no sample in it");
    for (int i = 0; i < MOST_ARRAYS && arrays[c->task][i].name; i++) {
        JUDD_TRY(read_array(&owned[i], file, c, &arrays[c->task][i]));
        c->data[i] = owned[i];
    }
    JUDD_TRY(hash_arrays(hex, c));
    JUDD_TRY(judd_h5_get_string(file, "/", "sha256", &stored));
    if (strcmp(hex, stored) != 0)
        JUDD_FAIL(JUDD_E_DATA,
                  "damaged: its sha256 is another; delete it, and COMPLETED, and run again");
done:
    free(stored);
    return status;
}

static judd_status shares_of(double **out, const contents *c) {
    judd_status status = judd_memory_alloc(out, c->n, sizeof **out);
    if (status != JUDD_OK) return status;
    const int32_t *label = c->data[1], *predicted = c->data[2];
    if (c->task == JUDD_CLASSIFICATION)
        for (int64_t i = 0; i < c->n; i++) (*out)[i] = label[i] == predicted[i] ? 1.0 : 0.0;
    else
        memcpy(*out, c->data[3], (size_t)c->n * sizeof **out);
    return JUDD_OK;
}

judd_status judd_predictions_read_shares(double **share, int64_t *n, const char *folder,
                                         const char *trial) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    hid_t file = 0;
    contents c = {0};
    void *owned[MOST_ARRAYS] = {0};
    JUDD_TRY(judd_memory_format(&path, "%s/predictions/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_status_context(read_contents(&c, owned, file, trial), "%s", path));
    JUDD_TRY(shares_of(share, &c));
    *n = c.n;
done:
    if (file > 0) (void)judd_h5_close(file, path);
    release(owned);
    free(path);
    return status;
}

/* As their checks say. *score_out, *names_out [n_outputs]: owner caller. */
static judd_status read_rest(float **score_out, char ***names_out, const contents *c, hid_t file) {
    judd_status status = JUDD_OK;
    static const array score = {"score", FLOAT, 2, NULL};
    char **names = NULL;
    void *scores = NULL;
    int64_t n_names = 0;
    JUDD_TRY(read_array(&scores, file, c, &score));
    JUDD_TRY(judd_h5_read_strings(file, "output_names", &names, &n_names));
    if (n_names != c->n_outputs) JUDD_FAIL(JUDD_E_DATA, "output_names differ from score");
    *score_out = scores;
    *names_out = names;
    scores = NULL;
    names = NULL;
done:
    free(names);
    free(scores);
    return status;
}

bool judd_predictions_sound(const char *folder, const char *trial) {
    judd_status status = JUDD_OK;
    char *path = NULL;
    hid_t file = 0;
    contents c = {0};
    void *owned[MOST_ARRAYS] = {0};
    JUDD_TRY(judd_memory_format(&path, "%s/predictions/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(read_contents(&c, owned, file, trial));
    JUDD_TRY(judd_h5_check(file, path)); /* scores, names and confusion too */
done:
    if (file > 0) (void)judd_h5_close(file, path);
    release(owned);
    free(path);
    return status == JUDD_OK;
}

judd_status judd_predictions_read(judd_predicted *out, const char *folder, const char *trial) {
    judd_status status = JUDD_OK;
    char *path = NULL, **names = NULL;
    hid_t file = 0;
    contents c = {0};
    judd_predicted p = {0};
    void *owned[MOST_ARRAYS] = {0};
    JUDD_TRY(judd_memory_format(&path, "%s/predictions/%s.h5", folder, trial));
    JUDD_TRY(judd_h5_open_read(&file, path));
    JUDD_TRY(judd_status_context(read_contents(&c, owned, file, trial), "%s", path));
    if (c.task != JUDD_CLASSIFICATION)
        JUDD_FAIL(JUDD_E_DATA, "%s: %s has no class for each sample", path, task_names[c.task]);
    JUDD_TRY(judd_status_context(read_rest(&p.score, &names, &c, file), "%s", path));
    p = (judd_predicted){c.n, (int)c.n_outputs, owned[0], owned[1], owned[2], p.score, names};
    memset(owned, 0, sizeof owned);
    *out = p;
    p = (judd_predicted){0};
done:
    if (file > 0) (void)judd_h5_close(file, path);
    judd_predicted_free(&p);
    release(owned);
    free(path);
    return status;
}
