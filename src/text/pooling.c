#include <judd/text/pooling.h>

#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/comm/exact_sum.h>
#include <judd/comm/watchdog.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 256, MAX_STEPS = 10000 }; /* texts of an addend; steps of the power iteration */

typedef enum rule { MEAN, FASTTEXT, TFIDF, SIF, MAX, MEANMAX, N_RULES } rule;
static const char *const rule_names[N_RULES] = {"mean", "fasttext", "tfidf",
                                                "sif",  "max",      "meanmax"};

struct judd_pooling {
    rule rule;
    int64_t dim; /* of a word */
    const judd_vocabulary *words;
    const judd_word_vectors *vectors;
    float *weights;    /* [words] factor of each vector; NULL: 1 */
    double *component; /* [dim] of length 1, or 0; NULL: none */
};

static rule find_rule(const char *name) {
    int r = 0;
    while (r < N_RULES && strcmp(rule_names[r], name) != 0) r++;
    return (rule)r;
}

judd_status judd_pooling_check(const char *name) {
    if (find_rule(name) < N_RULES) return JUDD_OK;
    return judd_status_set(JUDD_E_CONFIG,
                           "words: unknown pool \"%s\"; known: mean, fasttext, tfidf, sif, max, "
                           "meanmax",
                           name);
}

bool judd_pooling_learns(const char *name) {
    rule r = find_rule(name);
    return r == TFIDF || r == SIF;
}

int64_t judd_pooling_columns(const char *name, int64_t dim) {
    return find_rule(name) == MEANMAX ? 2 * dim : dim;
}

/* ---- a text ------------------------------------------------------------------------------------
 */

/* The sum of the words' weighted vectors; the weights' sum and the words' number. */
static void add_word(float *sum, const float *x, int64_t dim, const float *weight) {
    if (weight)
        for (int64_t j = 0; j < dim; j++) sum[j] += x[j] * *weight;
    else
        for (int64_t j = 0; j < dim; j++) sum[j] += x[j];
}

static void take_larger(float *most, const float *x, int64_t dim, bool first) {
    for (int64_t j = 0; j < dim; j++) most[j] = first || x[j] > most[j] ? x[j] : most[j];
}

/* Without the component. */
static judd_status pool(const judd_pooling *p, judd_tokens *tokens, const char *text, int64_t bytes,
                        float *features) {
    int64_t n = 0, dim = p->dim;
    double weights = 0.0;
    const char *word = NULL;
    float *most = p->rule == MEANMAX ? features + dim : p->rule == MAX ? features : NULL;
    memset(features, 0, (size_t)(p->rule == MEANMAX ? 2 * dim : dim) * sizeof *features);
    judd_status status = judd_tokens_begin(tokens, text, bytes);
    while (status == JUDD_OK && judd_tokens_next(tokens, &word, &bytes)) {
        int64_t w = judd_vocabulary_find(p->words, word, bytes);
        const float *x = judd_word_vectors_of(p->vectors, w);
        if (!x || (p->rule == FASTTEXT && p->weights[w] == 0.0f)) continue; /* no length */
        if (most) take_larger(most, x, dim, n == 0);
        if (p->rule != MAX) add_word(features, x, dim, p->weights ? &p->weights[w] : NULL);
        if (p->rule == TFIDF) weights += (double)p->weights[w];
        n++;
    }
    if (p->rule != TFIDF) weights = (double)n;
    if (status != JUDD_OK || n == 0 || p->rule == MAX) return status;
    float share = (float)(1.0 / weights);
    for (int64_t j = 0; j < dim; j++) features[j] *= share;
    return JUDD_OK;
}

judd_status judd_pooling_run(const judd_pooling *p, judd_tokens *tokens, const char *text,
                             int64_t bytes, float *features) {
    judd_status status = pool(p, tokens, text, bytes, features);
    if (status != JUDD_OK || !p->component) return status;
    double along = 0.0;
    for (int64_t j = 0; j < p->dim; j++) along += p->component[j] * (double)features[j];
    for (int64_t j = 0; j < p->dim; j++)
        features[j] = (float)((double)features[j] - along * p->component[j]);
    return JUDD_OK;
}

/* ---- weights -----------------------------------------------------------------------------------
 */

/* In float and in this order, as fastText's Vector::norm. */
static void weigh_by_norm(judd_pooling *p) {
    for (int64_t w = 0; w < p->words->n; w++) {
        const float *x = judd_word_vectors_of(p->vectors, w);
        float sum = 0.0f;
        for (int64_t j = 0; x && j < p->dim; j++) sum += x[j] * x[j];
        float norm = sqrtf(sum);
        p->weights[w] = norm > 0.0f ? (float)(1.0 / (double)norm) : 0.0f;
    }
}

static void weigh_by_counts(judd_pooling *p, const int64_t *occurrences, const int64_t *texts_with,
                            int64_t n_texts, double smoothing) {
    int64_t total = 0;
    for (int64_t w = 0; w < p->words->n; w++) total += occurrences[w];
    if (total == 0) total = 1;
    for (int64_t w = 0; w < p->words->n; w++)
        p->weights[w] =
            p->rule == TFIDF
                ? (float)(judd_exact_log((1.0 + (double)n_texts) / (1.0 + (double)texts_with[w])) +
                          1.0)
                : (float)(smoothing / (smoothing + (double)occurrences[w] / (double)total));
}

static judd_status make_weights(judd_pooling *p, const judd_comm *comm,
                                const judd_pooling_options *o) {
    judd_status status = JUDD_OK;
    int64_t *occurrences = NULL, *texts_with = NULL, n = o->words->n;
    if (p->rule != FASTTEXT && p->rule != TFIDF && p->rule != SIF) return JUDD_OK;
    status = judd_memory_alloc(&p->weights, n, sizeof *p->weights);
    if (status == JUDD_OK) status = judd_memory_alloc(&occurrences, n, sizeof *occurrences);
    if (status == JUDD_OK) status = judd_memory_alloc(&texts_with, n, sizeof *texts_with);
    JUDD_TRY(judd_comm_agree(comm, status));
    if (p->rule == FASTTEXT) {
        weigh_by_norm(p);
        goto done;
    }
    JUDD_TRY(judd_vocabulary_count(occurrences, texts_with, o->words, comm, o->corpus, &o->tokens));
    weigh_by_counts(p, occurrences, texts_with, o->corpus->n, o->smoothing);
done:
    free(occurrences);
    free(texts_with);
    return status;
}

/* ---- the common component ----------------------------------------------------------------------
 */

/* sum [dim (dim + 1) / 2] += x x', upper half row by row. */
static void add_square(double *sum, const float *x, int64_t dim) {
    for (int64_t i = 0; i < dim; i++) {
        double a = (double)x[i];
        for (int64_t j = i; j < dim; j++) *sum++ += a * (double)x[j];
    }
}

/* No text's vector has a larger number than the largest of a word: weights are at most 1. */
static double largest(const judd_pooling *p) {
    double most = 0.0;
    for (int64_t w = 0; w < p->words->n; w++) {
        const float *x = judd_word_vectors_of(p->vectors, w);
        for (int64_t j = 0; x && j < p->dim; j++)
            if ((double)fabsf(x[j]) > most) most = (double)fabsf(x[j]);
    }
    return most;
}

/* This rank's blocks of texts. Local. */
static judd_status add_blocks(int64_t *sums, const judd_pooling *p, const judd_comm *comm,
                              const judd_pooling_options *o, judd_exact_scale scale) {
    judd_status status = JUDD_OK;
    int64_t first = 0, end = 0, bytes = 0, n = p->dim * (p->dim + 1) / 2;
    int64_t n_blocks = (o->corpus->n + BLOCK - 1) / BLOCK;
    const char *text = NULL;
    double *block = NULL;
    float *x = NULL;
    judd_tokens *tokens = NULL;
    JUDD_TRY(judd_tokens_create(&tokens, &o->tokens));
    JUDD_TRY(judd_memory_alloc(&block, n, sizeof *block));
    JUDD_TRY(judd_memory_alloc(&x, p->dim, sizeof *x));
    judd_vocabulary_share(&first, &end, comm, n_blocks);
    for (int64_t b = first; b < end; b++) {
        memset(block, 0, (size_t)n * sizeof *block);
        for (int64_t i = b * BLOCK; i < (b + 1) * BLOCK && i < o->corpus->n; i++) {
            JUDD_TRY(o->corpus->get(o->corpus->context, i, &text, &bytes));
            JUDD_TRY(pool(p, tokens, text, bytes, x));
            add_square(block, x, p->dim);
        }
        if (judd_exact_sum_add_double(sums, block, n, scale) > 0)
            JUDD_FAIL(JUDD_E_DATA, "words: vectors too large to find their common component");
        judd_watchdog_beat(comm->watchdog);
    }
done:
    judd_tokens_destroy(tokens);
    free(block);
    free(x);
    return status;
}

/* The first eigenvector of a matrix whose upper half is given, by power iteration. Local. */
static void find_component(double *u, double *next, const double *upper, int64_t dim) {
    int64_t start = 0;
    double most = 0.0;
    for (int64_t i = 0, at = 0; i < dim; at += dim - i, i++)
        if (upper[at] > most) {
            most = upper[at];
            start = i;
        }
    memset(u, 0, (size_t)dim * sizeof *u);
    if (most == 0.0) return;
    u[start] = 1.0;
    for (int step = 0; step < MAX_STEPS; step++) {
        double norm = 0.0, change = 0.0;
        const double *row = upper;
        memset(next, 0, (size_t)dim * sizeof *next);
        for (int64_t i = 0; i < dim; row += dim - i, i++) {
            next[i] += row[0] * u[i];
            for (int64_t j = i + 1; j < dim; j++) {
                next[i] += row[j - i] * u[j];
                next[j] += row[j - i] * u[i];
            }
        }
        for (int64_t i = 0; i < dim; i++) norm += next[i] * next[i];
        norm = sqrt(norm);
        for (int64_t i = 0; i < dim; i++) {
            next[i] /= norm;
            change = fmax(change, fabs(next[i] - u[i]));
            u[i] = next[i];
        }
        if (change < 1e-13) break;
    }
}

static judd_status make_component(judd_pooling *p, const judd_comm *comm,
                                  const judd_pooling_options *o) {
    judd_status status = JUDD_OK;
    int64_t *sums = NULL, n = p->dim * (p->dim + 1) / 2;
    double *upper = NULL, *next = NULL, *component = NULL, most = largest(p);
    int64_t n_blocks = o->corpus->n / BLOCK + 1;
    if (n_blocks > 1 << 30) n_blocks = 1 << 30;
    judd_exact_scale scale = judd_exact_sum_scale(most * most * BLOCK * 1.001, (int)n_blocks);
    status = judd_memory_alloc(&sums, n, sizeof *sums);
    if (status == JUDD_OK) status = judd_memory_alloc(&upper, n, sizeof *upper);
    if (status == JUDD_OK) status = judd_memory_alloc(&component, p->dim, sizeof *component);
    if (status == JUDD_OK) status = judd_memory_alloc(&next, p->dim, sizeof *next);
    if (status == JUDD_OK) status = add_blocks(sums, p, comm, o, scale);
    JUDD_TRY(judd_comm_agree(comm, status));
    JUDD_TRY(judd_comm_sum(comm, sums, n));
    for (int64_t i = 0; i < n; i++) upper[i] = judd_exact_sum_value(sums[i], scale);
    if (comm->rank == 0) find_component(component, next, upper, p->dim);
    JUDD_TRY(judd_comm_broadcast(comm, component, p->dim * (int64_t)sizeof *component));
    p->component = component;
    component = NULL;
done:
    free(sums);
    free(upper);
    free(next);
    free(component);
    return status;
}

judd_status judd_pooling_create(judd_pooling **out, const judd_comm *comm,
                                const judd_pooling_options *o) {
    judd_status status = JUDD_OK;
    judd_pooling *p = NULL;
    status = judd_pooling_check(o->rule);
    if (status == JUDD_OK) status = judd_memory_alloc(&p, 1, sizeof *p);
    JUDD_TRY(judd_comm_agree(comm, status));
    *p = (judd_pooling){.rule = find_rule(o->rule),
                        .dim = judd_word_vectors_dim(o->vectors),
                        .words = o->words,
                        .vectors = o->vectors};
    JUDD_TRY(make_weights(p, comm, o));
    if (p->rule == SIF) JUDD_TRY(make_component(p, comm, o));
    *out = p;
    p = NULL;
done:
    judd_pooling_destroy(p);
    return status;
}

void judd_pooling_destroy(judd_pooling *p) {
    if (!p) return;
    free(p->weights);
    free(p->component);
    free(p);
}

/* ---- coverage ----------------------------------------------------------------------------------
 */

static judd_status cover_own(judd_pooling_coverage *c, const judd_comm *comm,
                             const judd_texts *texts, judd_tokens *tokens,
                             const judd_vocabulary *words, const judd_word_vectors *vectors) {
    judd_status status = JUDD_OK;
    int64_t first = 0, end = 0, bytes = 0;
    const char *text = NULL, *word = NULL;
    judd_vocabulary_share(&first, &end, comm, texts->n);
    for (int64_t i = first; i < end; i++) {
        bool any = false;
        JUDD_TRY(texts->get(texts->context, i, &text, &bytes));
        JUDD_TRY(judd_tokens_begin(tokens, text, bytes));
        while (judd_tokens_next(tokens, &word, &bytes)) {
            int64_t w = judd_vocabulary_find(words, word, bytes);
            bool has = judd_word_vectors_of(vectors, w) != NULL;
            c->n_tokens++;
            c->n_unknown += !judd_word_vectors_known(vectors, w);
            c->n_without += !has;
            any = any || has;
        }
        c->n_texts_without += !any;
    }
done:
    return status;
}

judd_status judd_pooling_cover(judd_pooling_coverage *out, const judd_comm *comm,
                               const judd_texts *texts, const judd_tokens_options *options,
                               const judd_vocabulary *words, const judd_word_vectors *vectors) {
    judd_status status = JUDD_OK;
    judd_tokens *tokens = NULL;
    judd_pooling_coverage c = {0};
    status = judd_tokens_create(&tokens, options);
    if (status == JUDD_OK) status = cover_own(&c, comm, texts, tokens, words, vectors);
    JUDD_TRY(judd_comm_agree(comm, status));
    int64_t sums[] = {c.n_tokens, c.n_unknown, c.n_without, c.n_texts_without};
    JUDD_TRY(judd_comm_sum(comm, sums, 4));
    *out = (judd_pooling_coverage){sums[0], sums[1], sums[2], sums[3]};
done:
    judd_tokens_destroy(tokens);
    return status;
}
