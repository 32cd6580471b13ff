/** A small problem every rank can make by itself, on the world and on one rank alone. */
#ifndef JUDD_TESTS_LEARN_FIXTURE_H
#define JUDD_TESTS_LEARN_FIXTURE_H

#include <judd/base/hash.h>
#include <judd/base/rng.h>
#include <judd/learn/trainer.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

typedef struct comms {
    judd_comm world, self; /* all ranks; this rank as a job of its own */
} comms;

typedef struct problem {
    int64_t n, dim;
    int n_classes, n_folds, n_lanes;
    uint64_t seed;
} problem;

/* Element (i, j) of the features: classes shift some columns, columns differ in size. */
static inline float feature_of(const problem *p, int64_t i, int64_t j) {
    double z = judd_rng_normal(p->seed, JUDD_RNG_WEIGHTS, (uint32_t)i, (uint64_t)j);
    int64_t label = i * 7 % p->n_classes;
    return (float)(z + (j % p->n_classes == label ? 1.5 : 0.0) + 0.1 * (double)(j % 5));
}

static inline int32_t label_of(const problem *p, int64_t i) {
    return (int32_t)(i * 7 % p->n_classes);
}

static inline int16_t fold_of(const problem *p, int64_t i) {
    return (int16_t)(p->n_folds ? i * 5 / 2 % p->n_folds : 0);
}

/* This rank's share of the problem. */
static inline void make_rows(judd_rows *rows, const problem *p, const judd_comm *comm) {
    OK(judd_rows_create(rows, p->n, p->dim, p->n_lanes, comm));
    int64_t first = judd_lanes_first(&rows->lanes), n = judd_lanes_count(&rows->lanes);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < p->dim; j++) rows->x[i * p->dim + j] = feature_of(p, first + i, j);
        rows->labels[i] = label_of(p, first + i);
        rows->folds[i] = fold_of(p, first + i);
    }
}

static inline void assert_same_bits(const void *a, const void *b, int64_t bytes) {
    if (memcmp(a, b, (size_t)bytes) == 0) return;
    for (int64_t k = 0; k < bytes / 4; k++)
        if (((const uint32_t *)a)[k] != ((const uint32_t *)b)[k])
            fail_msg("element %lld: %.9g and %.9g", (long long)k, (double)((const float *)a)[k],
                     (double)((const float *)b)[k]);
}

static inline void assert_same_bank(const judd_bank *a, const judd_bank *b) {
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->n_parameters, b->n_parameters);
    for (int k = 0; k < a->n_parameters; k++) {
        const judd_parameter *p = &a->parameters[k], *q = &b->parameters[k];
        int64_t bytes = 4 * judd_bank_parameter_begin(p, a->options.n_heads);
        assert_int_equal(bytes, 4 * judd_bank_parameter_begin(q, b->options.n_heads));
        assert_same_bits(p->value, q->value, bytes);
        assert_same_bits(p->first, q->first, bytes);
        if (p->second) assert_same_bits(p->second, q->second, bytes);
        assert_memory_equal(p->exponent, q->exponent, (size_t)a->options.n_heads * sizeof(int64_t));
    }
    assert_memory_equal(a->diverged, b->diverged, (size_t)a->options.n_heads * sizeof(int64_t));
}

/* Random weights, so that nothing that is tested happens to be zero. */
static inline void scatter_weights(judd_bank *bank, uint64_t seed) {
    for (int k = 0; k < bank->n_parameters; k++) {
        judd_parameter *p = &bank->parameters[k];
        for (int64_t i = 0; i < judd_bank_parameter_begin(p, bank->options.n_heads); i++)
            p->value[i] = (float)(0.3 * judd_rng_normal(seed, JUDD_RNG_WEIGHTS,
                                                        (1u << 30) + (uint32_t)k, (uint64_t)i));
    }
}

static inline judd_bank *new_bank(int64_t dim, const judd_bank_options *options) {
    judd_bank *bank = NULL;
    OK(judd_bank_create(&bank, dim, options));
    return bank;
}

/* main() of an MPI test: open both communicators, run, close. */
#define LEARN_MAIN(name, tests)                                                                    \
    int main(int argc, char **argv) {                                                              \
        (void)judd_h5_init();                                                                      \
        MPI_Init(&argc, &argv);                                                                    \
        if (judd_comm_open(&all.world, MPI_COMM_WORLD) != JUDD_OK) return 1;                       \
        if (judd_comm_open(&all.self, MPI_COMM_SELF) != JUDD_OK) return 1;                         \
        int failed = cmocka_run_group_tests_name(name, tests, NULL, NULL);                         \
        judd_comm_close(&all.self);                                                                \
        judd_comm_close(&all.world);                                                               \
        MPI_Finalize();                                                                            \
        return failed;                                                                             \
    }

#endif
