/* SHA-256 against the examples of FIPS 180-4 (csrc.nist.gov), XXH3 against its authors' value. */
#include <judd/base/hash.h>
#include <judd/base/memory.h>

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
// clang-format on
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const MILLION_A =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

static void test_vectors(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {{"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
                 {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
                 {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
                 {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopq"
                  "klmnopqrlm"
                  "nopqrsmnopqrstnopqrstu",
                  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"}};
    char hex[JUDD_SHA256_HEX];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(judd_hash_bytes(hex, cases[i].text, strlen(cases[i].text)), JUDD_OK);
        assert_string_equal(hex, cases[i].want);
    }
}

static void test_parts(void **state) {
    judd_hash *hash = NULL;
    char hex[JUDD_SHA256_HEX], a[1000];
    (void)state;
    memset(a, 'a', sizeof a);
    assert_int_equal(judd_hash_create(&hash), JUDD_OK);
    for (size_t left = 1000000, n = 1; left > 0; left -= n, n = n * 7 % 1000 + 1) {
        if (n > left) n = left;
        judd_hash_add(hash, a, n);
    }
    judd_hash_finish(hash, hex);
    assert_string_equal(hex, MILLION_A);
    judd_hash_destroy(hash);
    judd_hash_destroy(NULL);
}

static void test_file(void **state) {
    char path[] = "hash-XXXXXX", hex[JUDD_SHA256_HEX] = "", *text = NULL;
    int64_t size = -1;
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "wb");
    (void)state;
    assert_non_null(file);
    assert_int_equal(judd_hash_file(hex, &size, path), JUDD_OK);
    assert_int_equal(size, 0);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    for (int i = 0; i < 1000000; i++) fputc('a', file);
    fclose(file);
    assert_int_equal(judd_hash_file(hex, &size, path), JUDD_OK);
    assert_int_equal(size, 1000000);
    assert_string_equal(hex, MILLION_A);
    unlink(path);
    assert_int_equal(judd_hash_file(hex, &size, path), JUDD_E_IO);
    assert_int_equal(judd_memory_format(&text, "%s: No such file", path), JUDD_OK);
    assert_non_null(strstr(judd_status_message(), text));
    assert_int_equal(judd_hash_file(hex, &size, "."), JUDD_E_DATA);
    free(text);
}

static void test_check(void **state) {
    char data[200];
    (void)state;
    assert_true(judd_hash_check("", 0, 0) == 0x2d06800538d394c2u); /* XXH3_64bits of nothing */
    for (int i = 0; i < 200; i++) data[i] = (char)(i * 37);
    uint64_t base = judd_hash_check(data, sizeof data, 1);
    assert_true(base == judd_hash_check(data, sizeof data, 1));
    assert_true(base != judd_hash_check(data, sizeof data, 2));
    assert_true(base != judd_hash_check(data, sizeof data - 1, 1));
    for (size_t i = 0; i < 8 * sizeof data; i++) { /* any one bit */
        data[i / 8] = (char)(data[i / 8] ^ (1 << i % 8));
        assert_true(base != judd_hash_check(data, sizeof data, 1));
        data[i / 8] = (char)(data[i / 8] ^ (1 << i % 8));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors), cmocka_unit_test(test_parts),
                                       cmocka_unit_test(test_file), cmocka_unit_test(test_check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
