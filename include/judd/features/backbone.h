/** A frozen backbone: pixels or texts in, features out. */
#ifndef JUDD_FEATURES_BACKBONE_H
#define JUDD_FEATURES_BACKBONE_H

#include <judd/base/hash.h>
#include <judd/comm/comm.h>
#include <judd/data/dataset.h>
#include <judd/engine/engine.h>
#include <judd/features/lexicon.h>
#include <judd/image/transform.h>
#include <judd/onnx/model_copy.h>

#include <stdbool.h>

enum { JUDD_BACKBONE_MAX_CHANNELS = JUDD_TRANSFORM_CHANNELS };

/** What a model file is: of its bytes, and of those that lie in files beside it. */
typedef struct judd_model_identity {
    char sha256[JUDD_SHA256_HEX];
    int64_t bytes;
} judd_model_identity;

/** Of a backbone's file, which is read once: a network into rank 0's `copy` (or NULL), of vectors
 * of words where they are into `lexicon`. Collective. */
judd_status judd_model_identify(judd_model_identity *out, const judd_comm *comm, const char *kind,
                                const char *file, judd_model_copy *copy, judd_lexicon *lexicon);

typedef struct judd_backbone_options {
    const char *kind; /* "onnx"; "pixels": the normalised pixels are the features; "none":
                         the data set's are. Texts: "word2vec", "glove", "fasttext" or "words"
                         (any of them): vectors of words; "tfidf": text/hashed.h */
    const char *file; /* onnx: the model; words: the vectors */
    const judd_model_identity *identity; /* of the file, if it is known; else NULL */
    judd_model_copy *copy;   /* rank 0's, which may have the model; borrowed, NULL is allowed */
    const char *const *taps; /* onnx: "penultimate", "logits", "probabilities", tensor or node
                                names (judd_graph_load has the rules); none: penultimate */
    int n_taps;
    const char *pool; /* onnx: "none", "avg", "max" or "avgmax" over places or tokens; words: a rule
                         of text/pooling.h */
    bool random_weights; /* onnx: He-normal weights drawn by seed instead of the file's */
    uint64_t seed;
    int64_t batch; /* images per forward pass; part of the key, since it may change bits */
    bool winograd; /* Winograd's and Strassen's algorithms where they win; in the key */
    judd_precision precision;         /* onnx; in the key */
    int channels, height, width;      /* of the network's input; 0: as the images, once prepared */
    judd_transform_options transform; /* of the images; its channels are those above */
    int64_t first_column, n_columns;  /* none: which of the data set's features; 0: all */
    judd_augment_options augment;     /* of the views 1, 2, ... */
    judd_tokens_options tokens;       /* texts; as all up to corpus_ids */
    double smoothing;                 /* pool "sif" */
    int64_t hash_columns;             /* tfidf */
    judd_lexicon *lexicon;            /* has the texts; borrowed, as corpus and corpus_ids */
    judd_dataset *corpus;             /* training texts: what is learned, is learned from these */
    const judd_id_set *corpus_ids;    /* of corpus; NULL: all */
    bool half;                        /* features are kept as float16; part of the key */
    int threads;                      /* per rank */
} judd_backbone_options;

#define JUDD_BACKBONE_DEFAULTS                                                                     \
    {                                                                                              \
        .kind = "pixels", .pool = "none", .batch = 32, .winograd = true,                           \
        .tokens = {.rule = "whitespace"}, .smoothing = 1e-3, .hash_columns = 4096,                 \
        .transform = {.scale = 1.0 / 255.0, .std = {1.0, 1.0, 1.0, 1.0}},                          \
        .augment = JUDD_AUGMENT_DEFAULTS, .threads = 1                                             \
    }

typedef struct judd_backbone judd_backbone;

/** Whether a kind takes texts; whether with this pool it learns something from a corpus, without
 * its labels. */
bool judd_backbone_reads_text(const char *kind);
bool judd_backbone_learns(const char *kind, const char *pool);

/** Identify a backbone for the images of `dataset`; nothing heavy is loaded. Collective over comm
 *  (rank 0 reads the model file, if need be). Strings of options are copied. */
judd_status judd_backbone_open(judd_backbone **out, const judd_comm *comm,
                               const judd_backbone_options *options,
                               const judd_dataset_info *dataset);
/** Collective over the comm it was loaded with, if it was; NULL is allowed. */
void judd_backbone_close(judd_backbone *backbone);

/** Everything the features of these images depend on, as one line of JSON: the cache key of view 0,
 *  the evaluation transform. Borrowed. */
const char *judd_backbone_key(const judd_backbone *backbone);
/** The cache key of a view; free(). */
judd_status judd_backbone_view_key(char **key, const judd_backbone *backbone, int view);

/** Build the network, unless built; the ranks of a node share its weights. Collective over comm,
 *  which must outlive the backbone. After it dim and run may be used. */
judd_status judd_backbone_load(judd_backbone *backbone, const judd_comm *comm);
/** Give the network's memory back; load builds it anew. Local. */
void judd_backbone_unload(judd_backbone *backbone);
/** Bytes that a loaded backbone takes in an extraction, roughly: weights, activations, batches. */
int64_t judd_backbone_memory(const judd_backbone *backbone);
int64_t judd_backbone_dim(const judd_backbone *backbone);
int64_t judd_backbone_batch(const judd_backbone *backbone);
/** Threads that compute. */
int judd_backbone_threads(const judd_backbone *backbone);

/** Floats of one prepared image; of a text: its features. */
int64_t judd_backbone_input(const judd_backbone *backbone);
/** What a thread needs to prepare samples. Owner: caller, judd_preparer_destroy. */
typedef struct judd_preparer judd_preparer;
judd_status judd_preparer_create(judd_preparer **out, const judd_backbone *backbone);
/** NULL is allowed. */
void judd_preparer_destroy(judd_preparer *preparer);
/** Image `id` of the dataset as the network takes it in a view: judd_backbone_input() floats. View
 * 0 is the transform of the options, others are drawn (image/augment.h). Local; each thread with a
 *  preparer of its own. */
judd_status judd_backbone_prepare(const judd_backbone *backbone, judd_preparer *preparer,
                                  const judd_image *image, int64_t id, int view, float *input);
/** The same for a text, which needs no more than this: run hands it on. After load. */
judd_status judd_backbone_prepare_text(const judd_backbone *backbone, judd_preparer *preparer,
                                       const char *text, int64_t bytes, float *input);

/** Features [n, dim] of n <= batch prepared images; input has room for `batch` of them. An image's
 *  features do not depend on the others. Local. */
judd_status judd_backbone_run(judd_backbone *backbone, float *input, int64_t n, float *features);

#endif
