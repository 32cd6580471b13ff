#include "learn/path_order.h"

#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST = JUDD_PATH_MOST_PARENTS,
    LEAST_INTERVALS = 4 /* between heads that start from zero */
};

/* Heads that leave out the same fold, by falling L2; equals in the order of the bank. */
typedef struct chain {
    int *heads, n;
    bool *placed; /* [n]: has its place in the order */
    const judd_bank_head *of;
} chain;

static void collect(chain *c, const judd_bank_head *heads, int n, int held_out) {
    c->n = 0;
    c->of = heads;
    for (int h = 0; h < n; h++) {
        if (heads[h].held_out != held_out) continue;
        int at = c->n++;
        for (; at > 0 && heads[c->heads[at - 1]].l2 < heads[h].l2; at--)
            c->heads[at] = c->heads[at - 1];
        c->heads[at] = h;
    }
    memset(c->placed, 0, (size_t)c->n * sizeof *c->placed);
}

static double strength(const chain *c, int at) {
    return c->of[c->heads[at]].l2;
}

/* The nearest places already in the order: at most two stronger and two weaker, strongest first. */
static int find_near(int near[MOST], const chain *c, int at) {
    int stronger[MOST / 2], n_stronger = 0, n = 0;
    for (int i = at - 1; i >= 0 && n_stronger < MOST / 2; i--)
        if (c->placed[i]) stronger[n_stronger++] = i;
    while (n_stronger > 0) near[n++] = stronger[--n_stronger];
    for (int i = at + 1, weaker = 0; i < c->n && weaker < MOST / 2; i++)
        if (c->placed[i]) {
            near[n++] = i;
            weaker++;
        }
    return n;
}

/* Lagrange's polynomial in log l2. Not where two strengths are equal, or one is 0. */
static bool interpolate(double shares[MOST], const int near[MOST], int n, const chain *c, int at) {
    for (int i = 0; i < n; i++) {
        shares[i] = 1.0;
        for (int j = 0; j < n; j++) {
            double a = strength(c, near[i]), b = strength(c, near[j]);
            if (j == i) continue;
            if (!(a > 0.0 && b > 0.0 && strength(c, at) > 0.0 && a != b)) return false;
            shares[i] *= log(strength(c, at) / b) / log(a / b);
        }
    }
    return true;
}

static void place(judd_path_head *out, const chain *c, int at, int level) {
    int near[MOST], n = level > 0 ? find_near(near, c, at) : 0;
    *out = (judd_path_head){.head = c->heads[at], .level = level, .n_parents = n};
    if (n > 0 && !interpolate(out->shares, near, n, c, at)) {
        for (int i = 1; i < n && near[i] < at; i++) near[0] = near[i]; /* the next stronger one */
        out->n_parents = 1;
        out->shares[0] = 1.0;
    }
    for (int i = 0; i < out->n_parents; i++) out->parents[i] = c->heads[near[i]];
}

static int order_chain(judd_path_head *out, chain *c) {
    int n = 0, step = 1, level = 0;
    while ((c->n - 1) / (2 * step) >= LEAST_INTERVALS) step *= 2;
    for (; step > 0; step /= 2, level++) {
        int before = n;
        for (int at = 0; at < c->n; at += step)
            if (!c->placed[at]) place(&out[n++], c, at, level);
        if (level == 0 && (c->n - 1) % step > 0) place(&out[n++], c, c->n - 1, level);
        for (int i = before; i < n; i++)
            for (int at = 0; at < c->n; at++)
                if (c->heads[at] == out[i].head) c->placed[at] = true;
    }
    return n;
}

static int by_level(const void *x, const void *y) {
    const judd_path_head *a = x, *b = y;
    if (a->level != b->level) return a->level < b->level ? -1 : 1;
    return (a->head > b->head) - (a->head < b->head);
}

judd_status judd_path_order_make(judd_path_head *order, const judd_bank_head *heads, int n) {
    judd_status status = JUDD_OK;
    chain c = {NULL};
    int n_placed = 0;
    JUDD_TRY(judd_memory_alloc(&c.heads, n, sizeof *c.heads));
    JUDD_TRY(judd_memory_alloc(&c.placed, n, sizeof *c.placed));
    for (int h = 0; h < n; h++) {
        int first = 0;
        while (heads[first].held_out != heads[h].held_out) first++;
        if (first < h) continue; /* the chain is in the order already */
        collect(&c, heads, n, heads[h].held_out);
        n_placed += order_chain(order + n_placed, &c);
    }
    qsort(order, (size_t)n, sizeof *order, by_level);
done:
    free(c.heads);
    free(c.placed);
    return status;
}

void judd_path_order_start(double *x, const judd_path_head *head, const judd_bank *bank) {
    const judd_layer *layer = &bank->layers[0];
    int64_t biases = layer->outputs, weights = biases * layer->inputs;
    memset(x, 0, (size_t)(weights + biases) * sizeof *x);
    for (int i = 0; i < head->n_parents; i++)
        if (bank->diverged[head->parents[i]] >= 0) return;
    for (int i = 0; i < head->n_parents; i++) {
        const float *weight = layer->weight->value + head->parents[i] * weights;
        const float *bias = layer->bias->value + head->parents[i] * biases;
        for (int64_t j = 0; j < weights; j++) x[j] += head->shares[i] * (double)weight[j];
        for (int64_t j = 0; j < biases; j++) x[weights + j] += head->shares[i] * (double)bias[j];
    }
}
