#include "fuzz/h5.h"

#include "fuzz/fuzz.h"

#include <judd/io/h5.h>

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "Open for writing": H5Fget_file_image clears it and leaves the checksum as it was with it, so
 * that no file opens again (HDF5 1.10.8; superblock 2). */
enum { SUPERBLOCK_FLAGS = 11 };
enum { MAX_BYTES = 1 << 13, TOO_MANY = MAX_BYTES + 1, MAX_RECORDS = 16, MAX_TEXT = 80 };

/* A recipe is a byte and records of: name, type, rank and layout, dimensions, number of bytes,
 * bytes. The byte is 0, or names a seed whose records fill up what the recipe's do not make: so
 * that one part is wrong where all others are right. */
static const char *const names[] = {"features",
                                    "check",
                                    "weight",
                                    "bias",
                                    "parameters",
                                    "sample_id",
                                    "label",
                                    "predicted",
                                    "score",
                                    "confusion",
                                    "output_names",
                                    "share",
                                    "target",
                                    "images",
                                    "labels",
                                    "class_names",
                                    "offsets",
                                    "bytes",
                                    "names",
                                    "targets",
                                    "label_names",
                                    "layer0_weight",
                                    "layer0_bias",
                                    "layer0_weight_first",
                                    "layer0_bias_first",
                                    "layer0_weight_exponent",
                                    "layer0_bias_exponent",
                                    "diverged",
                                    "finished",
                                    "group/features",
                                    "feature_mean",
                                    "feature_scale",
                                    "feature_projection",
                                    "feature_offset",
                                    "layer0_gain",
                                    "layer0_shift",
                                    "layer1_weight",
                                    "layer1_bias",
                                    "train_targets"};
static const char *const attributes[] = {
    "key",           "title",      "task",          "sha256",          "check",
    "packed_schema", "kind",       "images_sha256", "metadata_sha256", "channels",
    "height",        "width",      "channels_last", "feature_dim",     "identity",
    "schema",        "activation", "backbone_key"};
enum {
    N_NAMES = sizeof names / sizeof *names,
    N_ATTRIBUTES = sizeof attributes / sizeof *attributes
};

typedef struct recipe {
    const uint8_t *at, *end;
} recipe;

static uint8_t next(recipe *r) {
    return r->at < r->end ? *r->at++ : 0;
}

static hid_t make_type(uint8_t code) {
    hid_t text = H5Tcopy(H5T_C_S1);
    switch (code % 16) {
    case 0:
        H5Tclose(text);
        return H5Tcopy(H5T_IEEE_F32LE);
    case 1:
        H5Tclose(text);
        return H5Tcopy(H5T_IEEE_F64LE);
    case 2:
        H5Tclose(text);
        return H5Tcopy(H5T_STD_I64LE);
    case 3:
        H5Tclose(text);
        return H5Tcopy(H5T_STD_U8LE);
    case 4:
        H5Tclose(text);
        return H5Tcopy(H5T_STD_U64LE);
    case 5:
        H5Tclose(text);
        return H5Tcopy(H5T_STD_I32LE);
    case 6:
        H5Tclose(text);
        return judd_h5_float16();
    case 7:
        H5Tclose(text);
        return H5Tcopy(H5T_IEEE_F32BE);
    case 8:
        H5Tclose(text);
        return H5Tcopy(H5T_STD_I8LE);
    case 9:
        H5Tclose(text);
        return H5Tcopy(H5T_STD_REF_OBJ);
    case 10:
        H5Tclose(text);
        return H5Tarray_create2(H5T_STD_I32LE, 1, (hsize_t[]){2});
    case 11:
        H5Tclose(text);
        return H5Tcreate(H5T_OPAQUE, 4);
    case 12:
        H5Tset_size(text, 64);
        return text;
    case 13:
        H5Tset_size(text, 1 + code / 16);
        return text;
    case 14:
        H5Tset_size(text, 6);
        H5Tset_strpad(text, H5T_STR_NULLPAD);
        return text;
    default:
        H5Tset_size(text, 8);
        H5Tset_cset(text, H5T_CSET_UTF8);
        return text;
    }
}

/* Small, often very small, or too large for anything. */
static hsize_t make_dim(uint8_t code) {
    return code < 160 ? code : code < 224 ? code % 9 : (hsize_t)1 << (code - 192);
}

static void make_attribute(hid_t file, recipe *r) {
    const char *name = attributes[next(r) % N_ATTRIBUTES];
    uint8_t code = next(r), n = next(r);
    char text[256 + 8] = "";
    for (int i = 0; i < n; i++) text[i] = (char)next(r);
    hid_t type = code < 64 ? H5Tcopy(H5T_C_S1) : make_type(code);
    if (code < 64) H5Tset_size(type, n + 1);
    hsize_t dim = code % 5 + 1;
    hid_t space = code < 224 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL);
    hid_t a = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (a > 0 && H5Tget_size(type) * (code < 224 ? 1 : dim) <= sizeof text) H5Awrite(a, type, text);
    if (a > 0) H5Aclose(a);
    H5Tclose(type);
    H5Sclose(space);
}

static hid_t make_layout(uint8_t code, int rank) {
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    const hsize_t chunk[4] = {2, 2, 2, 2};
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    if (code == 1) H5Pset_layout(list, H5D_COMPACT);
    if (code == 2 && rank > 0) H5Pset_chunk(list, rank, chunk);
    if (code == 3 && rank > 0) H5Pset_chunk(list, rank, chunk), H5Pset_deflate(list, 1);
    if (code == 4) H5Pset_external(list, "/dev/null", 0, 4096);
    return list;
}

static void make_dataset(hid_t file, recipe *r) {
    static uint8_t bytes[MAX_BYTES];
    const char *name = names[next(r) % N_NAMES];
    hid_t type = make_type(next(r));
    uint8_t form = next(r);
    int rank = form % 5;
    hsize_t dims[4] = {0}, count = 1;
    for (int d = 0; d < rank; d++) {
        dims[d] = make_dim(next(r));
        count = dims[d] > MAX_BYTES ? TOO_MANY : count * dims[d];
        if (count > MAX_BYTES) count = TOO_MANY; /* and stays so, but for a dimension of 0 */
    }
    hid_t space = H5Screate_simple(rank, dims, NULL), list = make_layout(form / 5 % 8, rank);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    size_t size = (size_t)count * H5Tget_size(type);
    uint8_t n = next(r);
    memset(bytes, 0, size < MAX_BYTES ? size : MAX_BYTES);
    for (size_t i = 0; i < n; i++) bytes[i] = next(r);
    for (size_t i = n; n > 0 && i < size && i < MAX_BYTES; i++) bytes[i] = bytes[i % n];
    if (set > 0 && size > 0 && size <= MAX_BYTES && H5Tget_class(type) != H5T_REFERENCE)
        H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes);
    if (set > 0) H5Dclose(set);
    H5Pclose(list);
    H5Sclose(space);
    H5Tclose(type);
}

static void make_link(hid_t file, recipe *r) {
    const char *name = names[next(r) % N_NAMES];
    if (next(r) % 2)
        H5Lcreate_soft("/weight", file, name, H5P_DEFAULT, H5P_DEFAULT);
    else
        H5Lcreate_external("/dev/null", "/", file, name, H5P_DEFAULT, H5P_DEFAULT);
}

enum { MOST_BASES = 3, BASE_BYTES = 4096 };
typedef struct base {
    uint8_t bytes[BASE_BYTES];
    size_t n;
} base;

/* The target's seeds without their first byte. */
static int read_bases(base *bases) {
    glob_t found = {0};
    int n = 0;
    if (glob(FUZZ_SEEDS, 0, NULL, &found) != 0) return 0;
    for (size_t i = 0; i < found.gl_pathc && n < MOST_BASES; i++) {
        FILE *file = fopen(found.gl_pathv[i], "rb");
        if (!file || fgetc(file) == EOF) abort();
        bases[n].n = fread(bases[n].bytes, 1, BASE_BYTES, file);
        fclose(file);
        n++;
    }
    globfree(&found);
    return n;
}

static void make_records(hid_t file, recipe *r) {
    for (int i = 0; i < MAX_RECORDS && r->at < r->end; i++) {
        uint8_t what = next(r);
        if (what < 160)
            make_dataset(file, r);
        else if (what < 240)
            make_attribute(file, r);
        else
            make_link(file, r);
    }
}

/* What the input has stays: HDF5 makes no name twice. */
static void make_base(hid_t file, int number) {
    static base bases[MOST_BASES];
    static int n = -1;
    if (n < 0) n = read_bases(bases);
    if (number < n)
        make_records(file, &(recipe){bases[number].bytes, bases[number].bytes + bases[number].n});
}

static size_t build(uint8_t **image, recipe *r) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V18, H5F_LIBVER_V18);
    H5Pset_fapl_core(access, 1 << 15, 0); /* its memory grows by so much: seldom */
    static int64_t number; /* a file whose end cannot be written stays open: no two share a name */
    char name[64];
    snprintf(name, sizeof name, "/dev/null/%lld", (long long)number++);
    hid_t file = H5Fcreate(name, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (file < 0) abort();
    int seed = next(r) % (MOST_BASES + 1);
    make_records(file, r);
    if (seed > 0) make_base(file, seed - 1);
    H5Fflush(file, H5F_SCOPE_GLOBAL);
    ssize_t n = H5Fget_file_image(file, NULL, 0); /* none if what was made cannot be written */
    *image = malloc(n > 0 ? (size_t)n : 1);       /* nor if it is absurd */
    if (!*image) n = 0;
    if (n > 0) n = H5Fget_file_image(file, *image, (size_t)n);
    H5Fclose(file);
    H5Pclose(access);
    if (n > SUPERBLOCK_FLAGS) (*image)[SUPERBLOCK_FLAGS] = 1;
    return n > 0 ? (size_t)n : 0;
}

const char *fuzz_h5(const char *name, const uint8_t *data, size_t n) {
    if (n >= 8 && memcmp(data, "\x89HDF\r\n\x1a\n", 8) == 0) return fuzz_file_named(name, data, n);
    uint8_t *image = NULL;
    recipe r = {data, data + n};
    size_t bytes = build(&image, &r);
    const char *path = fuzz_file_named(name, image, bytes);
    free(image);
    return path;
}
