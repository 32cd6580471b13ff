/* Features of the quick start's network against PyTorch's (fashion-reference.txt, by
 * tools/make-feature-reference), wherever in a batch an image stands. */
#include <judd/base/hash.h>
#include <judd/base/memory.h>
#include <judd/features/backbone.h>
#include <judd/io/h5.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)
#define FASHION "/usr/share/datasets/fashion-mnist/"

static judd_comm world;
static char model[4096], reference_path[4096];

typedef struct reference {
    char sha256[65];
    int n, dim, n_logits;
    double *features, *logits; /* [n, dim], [n, n_logits] */
} reference;

static void read_reference(reference *r) {
    FILE *file = fopen(reference_path, "r");
    assert_non_null(file);
    char line[256];
    while (fgets(line, sizeof line, file) && strncmp(line, "# dims ", 7) != 0)
        (void)sscanf(line, "# model_sha256 %64s", r->sha256);
    assert_int_equal(sscanf(line, "# dims %d %d %d", &r->n, &r->dim, &r->n_logits), 3);
    OK(judd_memory_alloc(&r->features, r->n * r->dim, sizeof(double)));
    OK(judd_memory_alloc(&r->logits, r->n * r->n_logits, sizeof(double)));
    for (int i = 0; i < r->n; i++) {
        int index = -1;
        assert_int_equal(fscanf(file, "%d", &index), 1);
        assert_int_equal(index, i);
        for (int j = 0; j < r->dim; j++)
            assert_int_equal(fscanf(file, "%lf", &r->features[i * r->dim + j]), 1);
        for (int j = 0; j < r->n_logits; j++)
            assert_int_equal(fscanf(file, "%lf", &r->logits[i * r->n_logits + j]), 1);
    }
    assert_true(r->n >= 8);
    fclose(file);
}

static void free_reference(reference *r) {
    free(r->features);
    free(r->logits);
}

static judd_dataset *open_images(void) {
    judd_dataset *data = NULL;
    judd_dataset_options o = {.format = "idx",
                              .images = FASHION "t10k-images-idx3-ubyte.gz",
                              .labels = FASHION "t10k-labels-idx1-ubyte.gz"};
    OK(judd_dataset_open(&data, &world, &o));
    OK(judd_dataset_load(data));
    return data;
}

static judd_backbone *open_network(const judd_dataset *data, const char *tap, int64_t batch) {
    judd_backbone *network = NULL;
    judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
    o.kind = "onnx";
    o.file = model;
    o.taps = &tap;
    o.n_taps = 1;
    o.batch = batch;
    o.transform.mean[0] = 0.2860;
    o.transform.std[0] = 0.3530;
    OK(judd_backbone_open(&network, &world, &o, judd_dataset_info_of(data)));
    OK(judd_backbone_load(network, &world));
    return network;
}

static void prepare(judd_backbone *network, judd_dataset *data, int64_t id, float *input) {
    judd_image image = {0};
    OK(judd_dataset_image(data, id, &image));
    judd_preparer *preparer = NULL;
    OK(judd_preparer_create(&preparer, network));
    OK(judd_backbone_prepare(network, preparer, &image, id, 0, input));
    judd_preparer_destroy(preparer);
    judd_image_free(&image);
}

/* Relative to the largest element of the image's features. */
static void compare(const float *got, const double *expected, int dim) {
    double size = 0.0, error = 0.0;
    for (int j = 0; j < dim; j++) {
        size = fmax(size, fabs(expected[j]));
        error = fmax(error, fabs((double)got[j] - expected[j]));
    }
    if (!(error <= 1e-4 * size)) fail_msg("relative error %g", error / size);
}

static void features_equal_pytorch(void **state) {
    (void)state;
    reference r = {0};
    char hex[JUDD_SHA256_HEX];
    int64_t bytes, batches[] = {1, 3, 32};
    float *input = NULL, *features = NULL, *first = NULL;
    read_reference(&r);
    OK(judd_hash_file(hex, &bytes, model));
    assert_string_equal(hex, r.sha256); /* the reference was made for this file */
    judd_dataset *data = open_images();
    OK(judd_memory_alloc(&input, 32 * 784, sizeof(float)));
    OK(judd_memory_alloc(&features, 32 * r.dim, sizeof(float)));
    OK(judd_memory_alloc(&first, 32 * r.dim, sizeof(float)));
    for (int t = 0; t < 2; t++) {
        int dim = t == 0 ? r.dim : r.n_logits;
        const double *expected = t == 0 ? r.features : r.logits;
        for (int b = 0; b < 3; b++) {
            judd_backbone *network =
                open_network(data, t == 0 ? "penultimate" : "logits", batches[b]);
            assert_int_equal(judd_backbone_dim(network), dim);
            for (int64_t i = 0; i < r.n; i++) { /* each image first in its batch, ... */
                prepare(network, data, i, input);
                OK(judd_backbone_run(network, input, 1, first));
                compare(first, expected + i * dim, dim);
                for (int64_t k = 1; k < batches[b]; k++) { /* ... and last, behind others */
                    int64_t other = 100 + k;
                    prepare(network, data, other, input + (k - 1) * 784);
                }
                prepare(network, data, i, input + (batches[b] - 1) * 784);
                OK(judd_backbone_run(network, input, batches[b], features));
                const float *last = features + (batches[b] - 1) * dim;
                compare(last, expected + i * dim, dim);
                assert_memory_equal(last, first, (size_t)dim * sizeof(float));
            }
            assert_int_equal(judd_backbone_run(network, input, batches[b] + 1, features),
                             JUDD_E_INTERNAL);
            judd_backbone_close(network);
        }
    }
    judd_dataset_close(data);
    free(input);
    free(features);
    free(first);
    free_reference(&r);
}

/* How views are drawn is in the keys of drawn views, and in no other. */
static void views_have_keys_of_their_own(void **state) {
    (void)state;
    judd_dataset *data = open_images();
    enum { N = 5, VIEWS = 3 };
    judd_backbone_options o[N];
    char *keys[N * VIEWS] = {NULL};
    for (int k = 0; k < N; k++) o[k] = (judd_backbone_options)JUDD_BACKBONE_DEFAULTS;
    o[1].augment.scale[0] = 0.5;
    o[2].augment.ratio[1] = 2.0;
    o[3].augment.flip = 0.0;
    o[4].transform.interpolation = JUDD_BICUBIC; /* nothing is resized but views */
    for (int k = 0; k < N; k++) {
        judd_backbone *b = NULL;
        OK(judd_backbone_open(&b, &world, &o[k], judd_dataset_info_of(data)));
        for (int v = 0; v < VIEWS; v++) OK(judd_backbone_view_key(&keys[v * N + k], b, v));
        assert_string_equal(keys[k], judd_backbone_key(b));
        judd_backbone_close(b);
    }
    for (int i = 0; i < N * VIEWS; i++)
        for (int j = 0; j < i; j++) assert_int_equal(strcmp(keys[i], keys[j]) == 0, i < N && j < N);
    for (int i = 0; i < N * VIEWS; i++) free(keys[i]);
    judd_dataset_close(data);
}

/* Whatever may change a feature changes the key, and nothing else does. */
static void keys_tell_features_apart(void **state) {
    (void)state;
    judd_dataset *data = open_images();
    const judd_dataset_info *info = judd_dataset_info_of(data);
    judd_dataset_info other_images = *info;
    other_images.sha256[0] = other_images.sha256[0] == '0' ? '1' : '0';
    judd_backbone_options plain = JUDD_BACKBONE_DEFAULTS;
    plain.kind = "onnx";
    plain.file = model;
    static const char *const taps[] = {"logits", "penultimate", "logits"};
    enum { N = 19 };
    judd_backbone_options o[N];
    for (int k = 0; k < N; k++) o[k] = plain;
    o[1].taps = taps;
    o[1].n_taps = 1;
    o[9].taps = taps;
    o[9].n_taps = 2;
    o[10].taps = taps + 1; /* the order is that of the features */
    o[10].n_taps = 2;
    o[11].pool = "avg";
    o[2].random_weights = true;
    o[3].random_weights = true;
    o[3].seed = 1;
    o[4].batch = 16;
    o[5].transform.mean[0] = 1e-17;
    o[6].transform.std[0] = nextafter(1.0, 2.0);
    o[7].transform.scale = nextafter(1.0 / 255.0, 1.0);
    o[8].kind = "pixels";
    o[18].half = true;
    for (int k = 12; k < 18; k++) o[k].transform.crop_height = o[k].transform.crop_width = 28;
    for (int k = 13; k < 18; k++) o[k].transform.resize_height = 32;
    o[14].transform.resize_width = 32;
    o[15].transform.interpolation = JUDD_BICUBIC;
    o[16].transform.resize_height = 33;
    o[17].channels = 3;
    o[17].transform.bgr = true;
    judd_backbone *b[N + 1];
    for (int k = 0; k < N; k++) OK(judd_backbone_open(&b[k], &world, &o[k], info));
    OK(judd_backbone_open(&b[N], &world, &plain, &other_images));
    for (int i = 0; i < N + 1; i++)
        for (int j = 0; j < i; j++)
            assert_string_not_equal(judd_backbone_key(b[i]), judd_backbone_key(b[j]));
    plain.threads = 2;
    plain.seed = 9; /* of random weights only */
    judd_backbone *same = NULL;
    OK(judd_backbone_open(&same, &world, &plain, info));
    assert_string_equal(judd_backbone_key(same), judd_backbone_key(b[0]));
    judd_backbone_close(same);
    for (int k = 0; k < N + 1; k++) judd_backbone_close(b[k]);
    judd_dataset_close(data);
}

static void pixels_are_the_normalised_image(void **state) {
    (void)state;
    judd_dataset *data = open_images();
    judd_backbone *pixels = NULL;
    judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
    o.transform.mean[0] = 0.25;
    o.transform.std[0] = 0.5;
    OK(judd_backbone_open(&pixels, &world, &o, judd_dataset_info_of(data)));
    OK(judd_backbone_load(pixels, &world));
    assert_int_equal(judd_backbone_dim(pixels), 784);
    int64_t id = 17;
    uint8_t image[784];
    float input[784], features[784];
    OK(judd_dataset_read(data, &id, 1, image));
    prepare(pixels, data, id, input);
    OK(judd_backbone_run(pixels, input, 1, features));
    for (int k = 0; k < 784; k++)
        assert_true(features[k] == (float)((image[k] / 255.0 - 0.25) / 0.5) ||
                    fabs((double)features[k] - (image[k] / 255.0 - 0.25) / 0.5) < 1e-7);
    judd_backbone_close(pixels);
    judd_dataset_close(data);
}

/* The others are told a file that is not there. */
static void one_rank_reads_the_model(void **state) {
    (void)state;
    judd_dataset *data = open_images();
    float input[784], features[64], expected[64];
    char *own = strdup(model), text[1024];
    judd_backbone *network = open_network(data, "logits", 1);
    int64_t dim = judd_backbone_dim(network);
    assert_true(dim <= 64);
    prepare(network, data, 3, input);
    OK(judd_backbone_run(network, input, 1, expected));
    judd_backbone_close(network);
    /* without room in /dev/shm (/proc has none) each rank has its own weights */
    for (int room = 0; room < 2; room++) {
        if (world.rank > 0) strcpy(model, "/nowhere.onnx");
        if (!room) setenv("OMPI_MCA_osc_sm_backing_directory", "/proc", 1);
        network = open_network(data, "logits", 1);
        unsetenv("OMPI_MCA_osc_sm_backing_directory");
        OK(judd_backbone_run(network, input, 1, features));
        assert_memory_equal(features, expected, (size_t)dim * sizeof *features);
        judd_backbone_close(network);
    }
    /* what rank 0 finds wrong, all say */
    judd_backbone_options o = JUDD_BACKBONE_DEFAULTS;
    o.kind = "onnx";
    o.file = world.rank == 0 ? FASHION "t10k-labels-idx1-ubyte.gz" : own;
    network = NULL;
    assert_int_equal(judd_backbone_open(&network, &world, &o, judd_dataset_info_of(data)),
                     JUDD_E_DATA);
    snprintf(text, sizeof text, "%s", judd_status_message());
    OK(judd_comm_broadcast(&world, text, sizeof text));
    assert_string_equal(judd_status_message(), text);
    assert_non_null(strstr(text, FASHION));
    judd_backbone_close(network);
    judd_dataset_close(data);
    strcpy(model, own);
    free(own);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(features_equal_pytorch),
    cmocka_unit_test(keys_tell_features_apart),
    cmocka_unit_test(views_have_keys_of_their_own),
    cmocka_unit_test(pixels_are_the_normalised_image),
    cmocka_unit_test(one_rank_reads_the_model),
};

int main(int argc, char **argv) {
    const char *source = getenv("JUDD_SOURCE");
    if (!source || access(FASHION "t10k-images-idx3-ubyte.gz", R_OK) != 0) {
        printf("skipped: JUDD_SOURCE and Debian's dataset-fashion-mnist are needed\n");
        return 77;
    }
    snprintf(model, sizeof model, "%s/jobs/models/fashion-resnet.onnx", source);
    snprintf(reference_path, sizeof reference_path, "%s/tests/features/fashion-reference.txt",
             source);
    (void)judd_h5_init();
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&world, MPI_COMM_WORLD) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests_name("backbone", tests, NULL, NULL);
    judd_comm_close(&world);
    MPI_Finalize();
    return failed;
}
