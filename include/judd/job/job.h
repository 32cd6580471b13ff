/** The job file (libconfig) as plain structs with every default filled in.
 *
 *  Keys, types, defaults, ranges and one line of help each stand in option tables (src/job/keys.c),
 *  which serve parsing, messages, the resolved file and the documentation.
 */
#ifndef JUDD_JOB_JOB_H
#define JUDD_JOB_JOB_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct judd_job_numbers {
    int64_t n;
    double *values;
} judd_job_numbers;

typedef struct judd_job_integers {
    int64_t n;
    int64_t *values;
} judd_job_integers;

typedef struct judd_job_strings {
    int64_t n;
    char **values;
} judd_job_strings;

typedef struct judd_job_backbone {
    char *name;
    char *kind; /* "onnx" | "pixels" | "none"; texts: "words" | "word2vec" | "glove" |
                   "fasttext" | "tfidf" */
    judd_job_integers columns; /* none: first, count; empty: all */
    char *file;                /* onnx: path of the model; words: of the vectors */
    char *weights;             /* "file" | "random" (a new network per seed) */
    judd_job_strings tap;      /* "penultimate" | "logits" | tensor or node names */
    char *pool;                /* "none" | "avg" | "max" | "avgmax"; words: "mean" | "fasttext" |
                                  "tfidf" | "sif" | "max" | "meanmax" */
    char *tokens;              /* texts: "whitespace" | "words"; NULL: images */
    bool lowercase;            /* texts */
    double smoothing;          /* pool "sif" */
    int64_t hash_columns;      /* tfidf */
    int64_t batch;             /* images per forward pass */
    bool winograd;             /* onnx: Winograd's and Strassen's algorithms where they win */
    char *precision;           /* onnx: "float32" | "bf16"; else NULL */
    char *storage;             /* of the features: "float32" | "float16" */
    struct {
        int64_t channels, height, width; /* 0: as the data set */
        judd_job_integers resize;        /* shorter side, or height and width; empty: none */
        char *resize_mode;               /* "shorter" | "exact" */
        char *interpolation;             /* "bilinear" | "bicubic" */
        judd_job_integers crop;          /* of the centre: side, or height and width; empty: none */
        char *channel_order;             /* "rgb" | "bgr" */
        double scale;                    /* pixel value 255 becomes 255 * scale; default 1/255 */
        judd_job_numbers mean, std;      /* per channel, after scaling; empty: 0 and 1 */
    } input;
} judd_job_backbone;

typedef struct judd_job_files {
    char *images, *texts;            /* as the format has it, the other is NULL */
    char *labels;                    /* NULL: the format has none */
    char *images_name, *labels_name; /* hdf5: of the datasets in the files; NULL: the usual ones */
} judd_job_files;

typedef struct judd_job_dataset {
    char *name;
    char *format;                     /* as in data/dataset.h */
    char *task;                       /* "classification" | "multilabel" | "regression" */
    judd_job_files train, test;       /* test without a path: test_fraction of train */
    judd_job_files validation;        /* without a path: none */
    char *text_column, *label_column; /* of texts; NULL: the usual ones */
    double test_fraction;             /* stratified, drawn by split_seed */
    int64_t split_seed;
    char *layout;     /* "auto" | "channels_first" | "channels_last" */
    bool coarse;      /* cifar100: superclasses */
    int64_t dct_side; /* JPEG: decoded at 1/2, 1/4, 1/8 of its size, but no smaller; 0: whole */
    judd_job_integers classes;    /* labels that make up the task; empty: all */
    judd_job_strings class_names; /* of the files' classes, all of them; may be empty */
    int64_t views;                /* of a training image: the plain one and views - 1 drawn ones */
    struct {
        judd_job_numbers scale, ratio; /* least and most */
        double flip;
    } augment;
} judd_job_dataset;

/** Which members a kind has, src/job/keys.c says; the others are zero. */
typedef struct judd_job_head {
    char *name;
    char *kind; /* as in src/job/head.c */
    struct {
        char *kind;                     /* "sgd" | "adamw" | "lbfgs" */
        judd_job_numbers learning_rate; /* grid; sgd, adamw */
        double momentum;                /* sgd */
        bool nesterov;
        double beta1, beta2, epsilon; /* adamw */
        double clip;                  /* norm of a head's gradient; 0: any */
        int64_t batch;                /* samples per step, over all lanes */
        int64_t steps;
        char *schedule;      /* "constant" | "cosine" | "linear" | "step" */
        int64_t curve_steps; /* test accuracy every so many steps; 0: none */
        char *reduce;        /* "exact" | "float" */
        int64_t warmup_steps, decay_steps;
        double decay_factor;
        int64_t patience, watch_steps; /* early stopping; patience 0: none */
        double tolerance;              /* lbfgs */
        int64_t max_iterations;
    } optimizer;
    judd_job_integers hidden; /* units of hidden layers */
    char *activation;         /* "relu" | "gelu" */
    bool layer_norm;
    double dropout;
    judd_job_numbers l2; /* grid */
    char *class_weights; /* "none" | "balanced" */
    double label_smoothing;
    char *covariance;           /* lda: "shrunk" | "ledoit-wolf" */
    judd_job_numbers shrinkage; /* grid; of "shrunk" */
    char *metric;               /* "euclidean" | "cosine" */
    judd_job_integers k;        /* grid; knn */
    double temperature;
    judd_job_integers class_map; /* source: output of the network for each class; may be empty */
    char *output_names;          /* source: file with their names, or NULL */
    bool standardize;            /* by mean and deviation of the training features */
    char *transform;             /* "none" | "pca" | "whiten" */
    int64_t components;
    char *held_out;             /* "leave-one-out" | "folds" */
    char *hold_out;             /* "grid" (to pick from one only) | "always" */
    int64_t folds;              /* cross-validation inside the shots picks from the grid */
    double validation_fraction; /* of the training samples, drawn by the trial's seed; 0: folds */
    bool refit;                 /* the pick is trained again on training and validation samples */
} judd_job_head;

typedef struct judd_job_experiment {
    char *name;
    char *mode;              /* "backbone" | "warm" | "joint" | "sequence" */
    char *source;            /* what the backbone learned from: a name for the records, "auto": the
                                name of the backbone that is chosen; warm, joint: the data set */
    judd_job_strings target; /* data set names */
    judd_job_strings backbone; /* backbone names */
    char *score;     /* "none": every backbone is compared; else the best by it, for each target and
                        shot count */
    int32_t *chosen; /* [target.n, shots.n] number of the backbone chosen, by job/choice.h; NULL:
                        all, or not chosen yet */
    char *baseline;  /* a backbone's name */
    judd_job_strings head;   /* head names */
    bool guard;              /* judge the choice by held-out samples as well */
    judd_job_integers shots; /* per class; 0: all samples */
    /* Which modes have which of these, src/job/keys.c says; the others are zero. */
    int64_t source_shots;       /* per class of the source; 0: all samples */
    char *source_head;          /* warm: what learns the source; NULL: the same head */
    char *labels;               /* "names" | "position" | "union" | "none" */
    judd_job_strings label_map; /* "class of the source=class of the target" */
    double l2_sp;               /* warm, sequence: pull to the start */
    double weight;              /* joint, sequence: of the source's mean loss */
    char *weight_schedule;      /* "constant" | "linear" | "cosine" */
    double label_noise;         /* joint: share of the source's labels that are made wrong */
    double rehearsal; /* sequence: share of each earlier task's samples kept in training */
} judd_job_experiment;

typedef struct judd_job {
    int64_t schema;
    char *name;
    int64_t seed;
    int64_t lanes;
    char *output;     /* default runs/NAME */
    bool tensorboard; /* event files beside the results */
    char *cache;      /* default $JUDD_CACHE, $XDG_CACHE_HOME/judd, ~/.cache/judd */
    struct {
        int64_t memory_mib, threads, checkpoint_steps, groups;
        double checkpoint_s, watchdog_s;
        double max_bad_fraction; /* of images that cannot be decoded */
    } limits;
    struct {
        double margin;
        int64_t seeds; /* 0: "auto", looks until decided or max_seeds */
        int64_t max_seeds;
    } verdict;
    int64_t n_backbones, n_datasets, n_heads, n_experiments;
    judd_job_backbone *backbones;
    judd_job_dataset *datasets;
    judd_job_head *heads;
    judd_job_experiment *experiments;
} judd_job;

/** Read a job file with its @include files, apply `overrides` ("path.to.key=value"), check every
 *  key, type, range and every name that refers to another part. Errors are JUDD_E_CONFIG with
 *  file:line (or "--set ...") and the nearest known key. Input paths come out relative to the
 *  working directory or absolute. An override names an element of a list by its name or number
 *  ("heads.linear.l2", "heads.0.l2"); its value is libconfig syntax or else a string; its paths
 *  start from the working directory. @include looks beside the including file, then in
 *  $JUDD_PRESETS, then in the installed presets. Local: call on rank 0 and broadcast the text. */
judd_status judd_job_read(judd_job **out, const char *path, const char *const *overrides,
                          int n_overrides);
/** The same from a text (a resolved job); `name` stands in messages for the path. Relative paths in
 *  it start from the working directory. */
judd_status judd_job_read_text(judd_job **out, const char *text, const char *name);
void judd_job_destroy(judd_job *job);

/** Whether the presets have a file that `@include "name"` would find. Local. */
bool judd_job_has_preset(const char *name);

/** The resolved job as libconfig text, every default written out, absolute input paths; reading it
 *  gives an equal job. Owner: caller, free(). */
judd_status judd_job_write(const judd_job *job, char **text);

/** First difference that matters to results between two jobs, as one line ("verdict.seeds is 5
 * here, 10 there"), or NULL in *difference (free()). output, cache and limits do not matter. */
judd_status judd_job_compare(const judd_job *here, const judd_job *there, char **difference);

/** Every key with its type, default, values and meaning as Markdown tables, for configs/README.md.
 */
judd_status judd_job_write_keys(FILE *file);

/** Path of the images or texts; NULL: there are none. */
const char *judd_job_files_path(const judd_job_files *files);

/** Lookups by name; NULL if there is none. */
const judd_job_backbone *judd_job_find_backbone(const judd_job *job, const char *name);
const judd_job_dataset *judd_job_find_dataset(const judd_job *job, const char *name);
const judd_job_head *judd_job_find_head(const judd_job *job, const char *name);

/** Is its network to run in bfloat16? */
bool judd_job_is_bf16(const judd_job_backbone *backbone);

/** The cache folder of jobs that name none; *out is NULL if the environment says nothing. Owner:
 *  caller, free(). Local. */
judd_status judd_job_default_cache(char **out);

#endif
