/* Sets of ids against a plain array of flags. */
#include <judd/base/id_set.h>
#include <judd/base/rng.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300, ROUNDS = 2000 };

static void compare(const judd_id_set *set, const bool *flags) {
    int64_t n = 0, copied[N], k = 0;
    for (int64_t i = 0; i < N; i++) {
        assert_int_equal(judd_id_set_has(set, i), flags[i]);
        if (flags[i]) assert_int_equal(judd_id_set_at(set, n++), i);
    }
    assert_int_equal(set->n, n);
    assert_false(judd_id_set_has(set, -1));
    assert_false(judd_id_set_has(set, N));
    while (k < n) {
        int64_t got = judd_id_set_copy(set, k, 1 + k % 7, copied);
        assert_true(got > 0 && got <= 1 + k % 7);
        for (int64_t i = 0; i < got; i++) assert_int_equal(copied[i], judd_id_set_at(set, k + i));
        k += got;
    }
    assert_int_equal(judd_id_set_copy(set, n, 3, copied), 0);
    for (int64_t r = 1; r < set->n_runs; r++) /* no two runs that are one */
        assert_true(set->runs[r].first > set->runs[r - 1].end);
}

static void unions(void **state) {
    (void)state;
    for (uint64_t round = 0; round < ROUNDS; round++) {
        judd_id_set set = {0};
        bool flags[N] = {false};
        for (uint32_t part = 0; part < 4; part++) {
            int64_t ids[N], n = 0;
            for (uint64_t i = 0; i < N; i++) {
                uint64_t bits = judd_rng_bits(round, JUDD_RNG_ORDER, part, i);
                /* thick and thin, with long runs */
                if (bits % (1 + (round + part) % 5) == 0 && (i / 20 + part) % 3 != 0)
                    ids[n++] = (int64_t)i;
            }
            for (int64_t i = 0; i < n; i++) flags[ids[i]] = true;
            assert_int_equal(judd_id_set_add_array(&set, ids, n), JUDD_OK);
        }
        compare(&set, flags);
        judd_id_set_free(&set);
    }
}

static void ascending_only(void **state) {
    judd_id_set set = {0};
    (void)state;
    assert_int_equal(judd_id_set_add(&set, 5, 8), JUDD_OK);
    assert_int_equal(judd_id_set_add(&set, 8, 9), JUDD_OK);
    assert_int_equal(judd_id_set_add(&set, 9, 9), JUDD_OK);
    assert_int_equal(set.n_runs, 1);
    assert_int_equal(judd_id_set_add(&set, 8, 10), JUDD_E_INTERNAL);
    assert_int_equal(set.n, 4);
    judd_id_set_free(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(unions), cmocka_unit_test(ascending_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
