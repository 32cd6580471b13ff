/* IDX files: what is read, what is refused and with which words; the same on every rank. */
#include <judd/base/rng.h>
#include <judd/data/dataset.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

enum { N = 6, H = 4, W = 3, IMAGE = H * W, MOST = 4096 };

typedef struct bytes {
    uint8_t data[MOST];
    size_t n;
} bytes;

typedef struct context {
    judd_comm comm;
    char folder[400], images[440], labels[440];
} context;

static void put_word(bytes *b, uint32_t word) {
    for (int shift = 24; shift >= 0; shift -= 8) b->data[b->n++] = (uint8_t)(word >> shift);
}

static uint8_t pixel(int64_t i) {
    return (uint8_t)(judd_rng_bits(8, JUDD_RNG_ORDER, 0, (uint64_t)i) >> 13);
}

static bytes images_of(int rank) {
    bytes b = {.n = 0};
    put_word(&b, 0x800u + (uint32_t)rank);
    put_word(&b, N);
    if (rank == 4) put_word(&b, 2);
    put_word(&b, rank == 4 ? H / 2 : H);
    put_word(&b, W);
    for (int i = 0; i < N * IMAGE; i++) b.data[b.n++] = pixel(i);
    return b;
}

static const uint8_t some_labels[N] = {3, 0, 1, 1, 7, 0};

static bytes labels_of(uint32_t n) {
    bytes b = {.n = 0};
    put_word(&b, 0x801);
    put_word(&b, n);
    for (uint32_t i = 0; i < n; i++) b.data[b.n++] = some_labels[i % N];
    return b;
}

static bytes gzipped(const bytes *plain) {
    bytes b;
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (uint8_t *)(uintptr_t)plain->data;
    z.avail_in = (uInt)plain->n;
    z.next_out = b.data;
    z.avail_out = MOST;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = z.total_out;
    deflateEnd(&z);
    return b;
}

static bytes joined(const bytes *a, const bytes *b) {
    bytes both = *a;
    memcpy(both.data + a->n, b->data, b->n);
    both.n += b->n;
    return both;
}

/* Rank 0 writes; the others wait. */
static void put_file(const context *c, const char *path, const bytes *b) {
    MPI_Barrier(c->comm.mpi);
    if (c->comm.rank == 0) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(b->data, 1, b->n, file), b->n);
        fclose(file);
    }
    MPI_Barrier(c->comm.mpi);
}

static judd_dataset_options options_of(const context *c) {
    return (judd_dataset_options){.format = "idx", .images = c->images, .labels = c->labels};
}

static judd_status open_and_load(judd_dataset **dataset, const context *c) {
    judd_dataset_options options = options_of(c);
    judd_status status = judd_dataset_open(dataset, &c->comm, &options);
    if (status == JUDD_OK) status = judd_dataset_load(*dataset);
    return status;
}

static void check_pixels(judd_dataset *dataset) {
    const int64_t ids[5] = {4, 0, 5, 5, 2};
    uint8_t pixels[5 * IMAGE];
    assert_int_equal(judd_dataset_read(dataset, ids, 5, pixels), JUDD_OK);
    for (int i = 0; i < 5 * IMAGE; i++)
        assert_int_equal(pixels[i], pixel(ids[i / IMAGE] * IMAGE + i % IMAGE));
}

static void check_good(const context *c, const bytes *images, const bytes *labels, int channels) {
    judd_dataset *dataset = NULL;
    put_file(c, c->images, images);
    put_file(c, c->labels, labels);
    if (open_and_load(&dataset, c) != JUDD_OK) fail_msg("%s", judd_status_message());
    assert_int_equal(judd_dataset_load(dataset), JUDD_OK); /* again: nothing happens */
    const judd_dataset_info *info = judd_dataset_info_of(dataset);
    assert_int_equal(info->n_samples, N);
    assert_int_equal(info->n_classes, 8);
    assert_int_equal(info->channels, channels);
    assert_int_equal(info->height, H / channels);
    assert_int_equal(info->width, W);
    for (int i = 0; i < N; i++) assert_int_equal(info->labels[i], some_labels[i]);
    char sha256[JUDD_SHA256_HEX];
    assert_int_equal(judd_hash_bytes(sha256, images->data, images->n), JUDD_OK);
    assert_string_equal(info->sha256, sha256);
    check_pixels(dataset);
    judd_dataset_close(dataset);
}

static void test_good_files(void **state) {
    const context *c = *state;
    bytes plain = images_of(3), deep = images_of(4), labels = labels_of(N);
    bytes zipped = gzipped(&plain), zipped_labels = gzipped(&labels);
    check_good(c, &plain, &labels, 1);
    check_good(c, &deep, &labels, 2);
    check_good(c, &zipped, &labels, 1);
    check_good(c, &plain, &zipped_labels, 1);
    bytes head = plain, tail = {.n = 0}; /* RFC 1952: members follow each other */
    head.n = 23;
    tail.n = plain.n - head.n;
    memcpy(tail.data, plain.data + head.n, tail.n);
    bytes a = gzipped(&head), b = gzipped(&tail), two = joined(&a, &b);
    check_good(c, &two, &labels, 1);
}

/* Opening or loading fails with `code`, `part` in a message of one line that names `path`; equal on
 * all ranks. */
static void expect_failure(const context *c, judd_status code, const char *path, const char *part) {
    judd_dataset *dataset = NULL;
    judd_status status = open_and_load(&dataset, c);
    if (status != code || !strstr(judd_status_message(), part))
        fail_msg("expected \"%s\", got %d: %s", part, status, judd_status_message());
    assert_non_null(strstr(judd_status_message(), path));
    char first[JUDD_MESSAGE_SIZE];
    snprintf(first, sizeof first, "%s", judd_status_message());
    assert_int_equal(judd_comm_broadcast(&c->comm, first, sizeof first), JUDD_OK);
    assert_string_equal(first, judd_status_message());
    judd_dataset_close(dataset);
}

static void expect_bad_images(const context *c, const bytes *images, const char *part) {
    put_file(c, c->images, images);
    expect_failure(c, JUDD_E_DATA, c->images, part);
}

static bytes with_word(bytes b, size_t at, uint32_t word) {
    bytes made = {.n = at};
    memcpy(made.data, b.data, at);
    put_word(&made, word);
    memcpy(b.data + at, made.data + at, 4);
    return b;
}

static void test_bad_headers(void **state) {
    const context *c = *state;
    bytes good = images_of(3), labels = labels_of(N), b = {.n = 0};
    put_file(c, c->labels, &labels);
    expect_bad_images(c, &b, "is empty");
    b = (bytes){.data = "P5 4 3 255", .n = 10};
    expect_bad_images(c, &b, "is not an IDX file");
    b = (bytes){.data = {0, 0, 8}, .n = 3};
    expect_bad_images(c, &b, "is not an IDX file");
    expect_bad_images(c, &labels, "this is a labels file");
    b = with_word(good, 0, 0xd03);
    expect_bad_images(c, &b, "IDX magic 0x00000d03, expected images");
    b = good;
    b.n = 11;
    expect_bad_images(c, &b, "header ends after 11 bytes of 16");
    b = with_word(good, 4, 0);
    expect_bad_images(c, &b, "dimension 1 of the IDX header is 0");
    b = with_word(good, 12, 0xffffffff);
    expect_bad_images(c, &b, "dimension 3 of the IDX header is 4294967295");
    b = with_word(good, 4, 0xffffffff); /* 48 GiB that nobody must allocate */
    expect_bad_images(c, &b, "promises 51539607540 bytes of images, the file holds 72");
    b = with_word(good, 4, N + 1);
    expect_bad_images(c, &b,
                      "truncated: its header promises 84 bytes of images, the file holds 72");
    b = with_word(good, 4, N - 1);
    expect_bad_images(c, &b, "12 trailing bytes");
}

static void test_bad_gzip(void **state) {
    const context *c = *state;
    bytes good = images_of(3), labels = labels_of(N), zipped = gzipped(&good);
    put_file(c, c->labels, &labels);
    /* What only reading all of a gzip file shows needs labels that fit the header. */
    for (uint32_t n = N - 2; n <= N + 1; n += 3) {
        bytes fitting = labels_of(n), wrong = with_word(good, 4, n);
        put_file(c, c->labels, &fitting);
        wrong = gzipped(&wrong);
        expect_bad_images(c, &wrong,
                          n < N ? "24 trailing bytes"
                                : "promises 84 bytes of images, the file holds 72");
    }
    put_file(c, c->labels, &labels);
    bytes b = with_word(good, 4, 0xffffffff);
    b = gzipped(&b);
    expect_bad_images(c, &b, "more than a file of this size can hold");
    b = zipped;
    b.n -= 9;
    expect_bad_images(c, &b, "truncated: the gzip data stop");
    b = zipped;
    b.n -= 3; /* inside CRC and length */
    expect_bad_images(c, &b, "truncated: the gzip data stop");
    b = zipped;
    b.data[b.n - 6] ^= 1;
    expect_bad_images(c, &b, "corrupt gzip data (incorrect data check)");
    b = zipped;
    memcpy(b.data + b.n, "junk", 4);
    b.n += 4;
    expect_bad_images(c, &b, "other bytes follow the gzip data");
    b = (bytes){.data = {0x1f, 0x8b, 0x00}, .n = 3};
    expect_bad_images(c, &b, "gzip");
}

static void test_bad_labels(void **state) {
    const context *c = *state;
    bytes images = images_of(3), b = labels_of(N + 2);
    put_file(c, c->images, &images);
    put_file(c, c->labels, &b);
    expect_failure(c, JUDD_E_DATA, c->images, "6 images");
    expect_failure(c, JUDD_E_DATA, c->labels, "8 labels");
    put_file(c, c->labels, &images);
    expect_failure(c, JUDD_E_DATA, c->labels, "this is an images file");
    b = labels_of(N);
    b.n--;
    put_file(c, c->labels, &b);
    expect_failure(c, JUDD_E_DATA, c->labels, "truncated");
    b = gzipped(&b);
    put_file(c, c->labels, &b);
    expect_failure(c, JUDD_E_DATA, c->labels, "truncated");
}

static void test_bad_paths(void **state) {
    context c = *(const context *)*state;
    bytes images = images_of(3), labels = labels_of(N);
    put_file(&c, c.images, &images);
    put_file(&c, c.labels, &labels);
    context other = c;
    snprintf(other.images, sizeof other.images, "%s/none", c.folder);
    expect_failure(&other, JUDD_E_IO, other.images, "No such file");
    snprintf(other.images, sizeof other.images, "%s", c.folder);
    expect_failure(&other, JUDD_E_DATA, other.images, "is a folder");
    snprintf(other.images, sizeof other.images, "%s/fifo", c.folder);
    if (c.comm.rank == 0) assert_int_equal(mkfifo(other.images, 0600), 0);
    expect_failure(&other, JUDD_E_DATA, other.images, "a device or pipe");
    if (c.comm.rank == 0) unlink(other.images);
    judd_dataset *dataset = NULL;
    judd_dataset_options options = options_of(&c);
    options.format = "cifar";
    assert_int_equal(judd_dataset_open(&dataset, &c.comm, &options), JUDD_E_CONFIG);
    assert_non_null(strstr(judd_status_message(), "\"cifar\" is unknown; known: idx"));
    options = (judd_dataset_options){.format = "idx", .images = c.images};
    assert_int_equal(judd_dataset_open(&dataset, &c.comm, &options), JUDD_E_CONFIG);
    assert_non_null(strstr(judd_status_message(), "labels"));
    assert_null(dataset);
    judd_dataset_close(NULL);
}

static void test_use(void **state) {
    const context *c = *state;
    bytes images = images_of(3), labels = labels_of(N);
    put_file(c, c->images, &images);
    put_file(c, c->labels, &labels);
    judd_dataset *dataset = NULL;
    judd_dataset_options options = options_of(c);
    assert_int_equal(judd_dataset_open(&dataset, &c->comm, &options), JUDD_OK);
    uint8_t pixels[IMAGE];
    int64_t id = 0;
    assert_int_equal(judd_dataset_read(dataset, &id, 1, pixels), JUDD_E_INTERNAL);
    images.data[40] ^=
        1; /* another file of the same shape: the pixels stay those of the identity */
    put_file(c, c->images, &images);
    assert_int_equal(judd_dataset_load(dataset), JUDD_OK);
    check_pixels(dataset);
    for (id = -1; id <= N; id += N + 1)
        assert_int_equal(judd_dataset_read(dataset, &id, 1, pixels), JUDD_E_INTERNAL);
    judd_dataset_close(dataset);
}

static void mutate(bytes *b, uint64_t round) {
    int n = 1 + (int)(judd_rng_bits(round, JUDD_RNG_ORDER, 1, 0) % 3);
    for (int i = 0; i < n; i++) {
        uint64_t bits = judd_rng_bits(round, JUDD_RNG_ORDER, 2, (uint64_t)i);
        size_t at = (size_t)(bits >> 8) % b->n;
        if (bits % 8 == 0)
            b->n = at + 1;
        else if (bits % 8 < 4)
            b->data[at % 20] = (uint8_t)(bits >> 56); /* headers are where the danger is */
        else
            b->data[at] ^= (uint8_t)(1u << (bits >> 61));
    }
}

/* Damaged at random: refused or read, never a crash; gzip's CRC lets no other pixel through. */
static void test_random_damage(void **state) {
    const context *c = *state;
    bytes plain = images_of(3), labels = labels_of(N), zipped = gzipped(&plain);
    int refused = 0, rounds = c->comm.size == 1 ? 6000 : 200;
    for (int i = 0; i < rounds; i++) {
        bytes damaged = i % 3 == 0 ? plain : i % 3 == 1 ? zipped : labels;
        mutate(&damaged, (uint64_t)i);
        put_file(c, c->images, i % 3 == 2 ? &plain : &damaged);
        put_file(c, c->labels, i % 3 == 2 ? &damaged : &labels);
        judd_dataset *dataset = NULL;
        judd_status status = open_and_load(&dataset, c);
        assert_true(status == JUDD_OK || status == JUDD_E_DATA);
        refused += status != JUDD_OK;
        if (status == JUDD_OK && i % 3 == 1) check_pixels(dataset);
        judd_dataset_close(dataset);
    }
    assert_true(refused > rounds / 4 && refused < rounds);
}

static void make_folder(context *c) {
    if (c->comm.rank == 0) {
        const char *base = getenv("TMPDIR");
        snprintf(c->folder, sizeof c->folder, "%s/judd-dataset-XXXXXX", base ? base : P_tmpdir);
        if (!mkdtemp(c->folder)) MPI_Abort(c->comm.mpi, 74);
    }
    MPI_Bcast(c->folder, sizeof c->folder, MPI_CHAR, 0, c->comm.mpi);
    snprintf(c->images, sizeof c->images, "%s/images", c->folder);
    snprintf(c->labels, sizeof c->labels, "%s/labels", c->folder);
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    context c = {0};
    if (judd_comm_open(&c.comm, MPI_COMM_WORLD) != JUDD_OK) MPI_Abort(MPI_COMM_WORLD, 70);
    make_folder(&c);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_good_files, &c),
        cmocka_unit_test_prestate(test_bad_headers, &c),
        cmocka_unit_test_prestate(test_bad_gzip, &c),
        cmocka_unit_test_prestate(test_bad_labels, &c),
        cmocka_unit_test_prestate(test_bad_paths, &c),
        cmocka_unit_test_prestate(test_use, &c),
        cmocka_unit_test_prestate(test_random_damage, &c),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    if (c.comm.rank == 0) {
        unlink(c.images);
        unlink(c.labels);
        rmdir(c.folder);
    }
    judd_comm_close(&c.comm);
    MPI_Finalize();
    return failed;
}
