#include <judd/io/h5.h>

#include <judd/base/hash.h>
#include <judd/base/memory.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Some POSIX calls are limited to 2 GiB. Tests set it lower. */
#ifndef JUDD_H5_CALL_BYTES
#define JUDD_H5_CALL_BYTES ((int64_t)1 << 30)
#endif

enum {
    REASON_SIZE = 256,
    PATH_SIZE = 512,
    MAX_STRING = 1 << 20, /* bytes of one string */
};

/* ------------------------------------------------------------------------------------ reasons */

/* Kept like the message of judd_status: every HDF5 call clears HDF5's own stack. */
static _Thread_local char reason_text[REASON_SIZE] = "no reason given";

/* HDF5 wraps the words of the operating system: "..., errno = 2, error message = 'No such ...'". */
static void keep_reason(const char *text) {
    const char *quoted = strstr(text, "error message = '");
    if (quoted) text = quoted + strlen("error message = '");
    size_t n = quoted ? strcspn(text, "'") : strlen(text);
    if (n >= REASON_SIZE) n = REASON_SIZE - 1;
    memcpy(reason_text, text, n);
    reason_text[n] = 0;
}

static herr_t visit_error(unsigned n, const H5E_error2_t *error, void *found) {
    (void)n;
    if (!error->desc || !error->desc[0]) return 0;
    keep_reason(error->desc);
    *(bool *)found = true;
    return 1; /* the first is the innermost */
}

const char *judd_h5_reason(void) {
    bool found = false;
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, visit_error, &found);
    H5Eclear2(H5E_DEFAULT);
    return reason_text;
}

static const char *remedy(judd_status code) {
    return code == JUDD_E_IO ? "check free space, quota and permissions"
                             : "check that it is the right, complete file";
}

static judd_status fail_path(judd_status code, const char *path, const char *action,
                             const char *name) {
    return judd_status_set(code, "%s: HDF5 cannot %s %s: %s; %s", path, action, name,
                           judd_h5_reason(), remedy(code));
}

static const char *path_of(hid_t file, char path[PATH_SIZE]) {
    if (H5Fget_name(file, path, PATH_SIZE) < 0) memcpy(path, "HDF5 file", sizeof "HDF5 file");
    return path;
}

static judd_status fail(judd_status code, hid_t file, const char *action, const char *name) {
    char path[PATH_SIZE];
    judd_h5_reason(); /* kept before the next call clears it */
    return fail_path(code, path_of(file, path), action, name);
}

/* --------------------------------------------------------------------------- open and close */

judd_status judd_h5_init(void) {
    H5dont_atexit(); /* fails when called again, which is harmless */
    if (H5Eset_auto2(H5E_DEFAULT, NULL, NULL) < 0 || H5PLset_loading_state(0) < 0)
        return judd_status_set(JUDD_E_INTERNAL, "HDF5 cannot be initialised: %s; reinstall it",
                               judd_h5_reason());
    return JUDD_OK;
}

/* What is large begins with a page: rows of whole pages are not torn over one more. */
enum { PAGE = 4096, LARGE = 16 * PAGE };

/* Version 1.8's format: read by every HDF5 since 2008, metadata with checksums, and no flag in the
 * superblock that would lock a file whose writer died. */
static hid_t access_list(void) {
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    if (list < 0) return list;
    bool ok = H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_V18) >= 0 &&
              H5Pset_fclose_degree(list, H5F_CLOSE_STRONG) >= 0 &&
              H5Pset_alignment(list, LARGE, PAGE) >= 0;
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    /* locks fail on read-only media and on Lustre without flock; judd_lock guards the folder */
    ok = ok && H5Pset_file_locking(list, false, true) >= 0;
#endif
    if (ok) return list;
    H5Pclose(list);
    return H5I_INVALID_HID;
}

/* Time stamps would make equal contents unequal files. */
static hid_t timeless(hid_t class) {
    hid_t list = H5Pcreate(class);
    if (list >= 0 && H5Pset_obj_track_times(list, false) < 0) {
        H5Pclose(list);
        list = H5I_INVALID_HID;
    }
    return list;
}

static void close_list(hid_t list) {
    if (list > 0) H5Pclose(list);
}

judd_status judd_h5_create(hid_t *file, const char *path) {
    *file = H5I_INVALID_HID;
    hid_t access = access_list();
    hid_t create = timeless(H5P_FILE_CREATE);
    if (access >= 0 && create >= 0) *file = H5Fcreate(path, H5F_ACC_TRUNC, create, access);
    judd_status status = *file < 0 ? fail_path(JUDD_E_IO, path, "create", "the file") : JUDD_OK;
    close_list(create);
    close_list(access);
    return status;
}

/* Bytes 0 to 8 of a file as we write them: the signature and a superblock whose metadata have
 * checksums. HDF5 reads beyond its buffers in older ones that are damaged. */
static judd_status check_superblock(int fd, const char *path) {
    static const char signature[] = "\x89HDF\r\n\x1a\n";
    char start[9] = "";
    if (pread(fd, start, sizeof start, 0) == (ssize_t)sizeof start &&
        memcmp(start, signature, 8) == 0 && start[8] >= 2 && start[8] <= 3)
        return JUDD_OK;
    return judd_status_set(
        JUDD_E_DATA,
        "%s: not a file that judd wrote, or damaged; check that it is the right, "
        "complete file",
        path);
}

/* The operating system's view of a file before HDF5 sees it: its errors are clearer. */
static judd_status probe(const char *path, bool own) {
    judd_status status = JUDD_OK;
    struct stat info;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hang us */
    if (fd < 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot open: %s; check the path and its permissions", path,
                  strerror(errno));
    if (fstat(fd, &info) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot examine: %s; check the file system", path,
                  strerror(errno));
    if (!S_ISREG(info.st_mode))
        JUDD_FAIL(JUDD_E_DATA, "%s: not a regular file; name an HDF5 file", path);
    if (own) JUDD_TRY(check_superblock(fd, path));
done:
    if (fd >= 0) close(fd);
    return status;
}

static judd_status open_read(hid_t *file, const char *path, bool own) {
    judd_status status = JUDD_OK;
    hid_t access = H5I_INVALID_HID;
    *file = H5I_INVALID_HID;
    JUDD_TRY(probe(path, own));
    access = access_list();
    if (access >= 0) *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    if (*file < 0) JUDD_TRY(fail_path(JUDD_E_DATA, path, "open", "the file"));
done:
    close_list(access);
    return status;
}

judd_status judd_h5_open_read(hid_t *file, const char *path) {
    return open_read(file, path, true);
}

judd_status judd_h5_open_foreign(hid_t *file, const char *path) {
    return open_read(file, path, false);
}

judd_status judd_h5_close(hid_t file, const char *path) {
    if (file <= 0 || H5Fclose(file) >= 0) return JUDD_OK;
    return fail_path(JUDD_E_IO, path, "close", "the file");
}

/* --------------------------------------------------------------------------------- names */

typedef enum { ABSENT, PRESENT, FOREIGN } presence;

/* Follows hard links only: soft and external links may lead to other files. */
static presence find(hid_t file, const char *name) {
    char prefix[PATH_SIZE];
    size_t length = strlen(name);
    if (length == 0 || length >= sizeof prefix) return ABSENT;
    memcpy(prefix, name, length + 1);
    for (char *c = prefix + 1; c <= prefix + length; c++) {
        if ((*c && *c != '/') || c[-1] == '/') continue;
        const char kept = *c;
        *c = 0;
        H5L_info_t info;
        if (strcmp(prefix, "/") != 0) {
            if (H5Lexists(file, prefix, H5P_DEFAULT) <= 0) return ABSENT;
            if (H5Lget_info(file, prefix, &info, H5P_DEFAULT) < 0) return ABSENT;
            if (info.type != H5L_TYPE_HARD) return FOREIGN;
        }
        *c = kept;
    }
    return PRESENT;
}

int judd_h5_exists(hid_t file, const char *name) {
    return find(file, name) != ABSENT; /* reading a foreign link tells why it is refused */
}

static judd_status require(hid_t file, const char *name) {
    char path[PATH_SIZE];
    switch (find(file, name)) {
    case PRESENT:
        return JUDD_OK;
    case ABSENT:
        return judd_status_set(JUDD_E_DATA, "%s: no '%s'; check that it is the right file",
                               path_of(file, path), name);
    case FOREIGN:
        break;
    }
    return judd_status_set(JUDD_E_DATA,
                           "%s: '%s' is reached by a soft or external link; copy the data into "
                           "the file (h5repack --merge)",
                           path_of(file, path), name);
}

static judd_status make_groups(hid_t file, const char *name) {
    judd_status status = JUDD_OK;
    char prefix[PATH_SIZE];
    hid_t create = H5I_INVALID_HID;
    if (strlen(name) >= sizeof prefix)
        JUDD_FAIL(JUDD_E_INTERNAL, "HDF5 name of more than %d bytes", PATH_SIZE - 1);
    memcpy(prefix, name, strlen(name) + 1);
    create = timeless(H5P_GROUP_CREATE);
    if (create < 0) JUDD_TRY(fail(JUDD_E_INTERNAL, file, "make the groups of", name));
    for (char *c = prefix + 1; *prefix && *c; c++) {
        if (*c != '/' || c[-1] == '/') continue;
        *c = 0;
        if (find(file, prefix) == ABSENT) {
            hid_t group = H5Gcreate2(file, prefix, H5P_DEFAULT, create, H5P_DEFAULT);
            if (group < 0) JUDD_TRY(fail(JUDD_E_IO, file, "make the group", prefix));
            H5Gclose(group);
        }
        *c = '/';
    }
done:
    close_list(create);
    return status;
}

/* ------------------------------------------------------------------------------- datasets */

static hid_t dataset_list(void) {
    hid_t list = timeless(H5P_DATASET_CREATE);
    if (list < 0) return list;
    if (H5Pset_layout(list, H5D_CONTIGUOUS) >= 0 &&
        H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY) >= 0 &&
        H5Pset_fill_time(list, H5D_FILL_TIME_NEVER) >= 0)
        return list;
    H5Pclose(list);
    return H5I_INVALID_HID;
}

judd_status judd_h5_create_dataset(hid_t file, const char *name, hid_t type, int rank,
                                   const int64_t *dims, const char *description) {
    judd_status status = JUDD_OK;
    hsize_t size[JUDD_H5_MAX_RANK] = {0};
    hid_t space = H5I_INVALID_HID, create = H5I_INVALID_HID, set = H5I_INVALID_HID;
    if (rank < 0 || rank > JUDD_H5_MAX_RANK)
        JUDD_FAIL(JUDD_E_INTERNAL, "HDF5 dataset '%s' of %d dimensions; at most %d are supported",
                  name, rank, JUDD_H5_MAX_RANK);
    for (int d = 0; d < rank; d++) {
        if (dims[d] < 0) JUDD_FAIL(JUDD_E_INTERNAL, "HDF5 dataset '%s': negative size", name);
        size[d] = (hsize_t)dims[d];
    }
    JUDD_TRY(make_groups(file, name));
    space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, size, NULL);
    create = dataset_list();
    if (space >= 0 && create >= 0)
        set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, create, H5P_DEFAULT);
    if (set < 0) JUDD_TRY(fail(JUDD_E_IO, file, "make the dataset", name));
    const herr_t closed = H5Dclose(set);
    set = H5I_INVALID_HID;
    if (closed < 0) JUDD_TRY(fail(JUDD_E_IO, file, "make the dataset", name));
    if (description) JUDD_TRY(judd_h5_set_string(file, name, "description", description));
done:
    if (set > 0) H5Dclose(set);
    if (space > 0) H5Sclose(space);
    close_list(create);
    return status;
}

typedef struct dataset {
    hid_t id, space, type; /* type: in the file */
    int rank;
    int64_t dims[JUDD_H5_MAX_RANK];
} dataset;

/* Below 0 if a small write, which HDF5 keeps until then, failed. */
static herr_t close_dataset(dataset *set) {
    if (set->type > 0) H5Tclose(set->type);
    if (set->space > 0) H5Sclose(set->space);
    const herr_t closed = set->id > 0 ? H5Dclose(set->id) : 0;
    memset(set, 0, sizeof *set);
    return closed;
}

/* Only bytes that lie plainly in this file: filters run decoders, the others open further files. */
static judd_status check_layout(hid_t file, hid_t id, const char *name) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    const char *what = NULL;
    hid_t create = H5Dget_create_plist(id);
    if (create < 0) JUDD_TRY(fail(JUDD_E_DATA, file, "examine", name));
    const H5D_layout_t layout = H5Pget_layout(create);
    if (H5Pget_nfilters(create) != 0)
        what = "filters";
    else if (H5Pget_external_count(create) != 0)
        what = "external storage";
    else if (layout == H5D_VIRTUAL)
        what = "a virtual layout";
    else if (layout != H5D_CONTIGUOUS && layout != H5D_COMPACT)
        what = "chunks";
    if (what)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' has %s; rewrite it with h5repack -f NONE -l CONTI",
                  path_of(file, path), name, what);
done:
    close_list(create);
    return status;
}

/* A header may claim any size; what it claims must lie inside the file. Files open for writing are
 * our own, and not yet as long as they will be. */
static judd_status check_extent(hid_t file, const dataset *set, const char *name) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    hsize_t file_bytes = 0;
    unsigned intent = 0;
    size_t bytes = H5Tget_size(set->type);
    if (H5Fget_intent(file, &intent) >= 0 && (intent & H5F_ACC_RDWR)) return JUDD_OK;
    for (int d = 0; d < set->rank; d++)
        if (__builtin_mul_overflow(bytes, (size_t)set->dims[d], &bytes))
            JUDD_FAIL(JUDD_E_DATA, "%s: '%s' claims more than 2^64 bytes; the file is damaged",
                      path_of(file, path), name);
    if (H5Fget_filesize(file, &file_bytes) < 0) JUDD_TRY(fail(JUDD_E_IO, file, "size", name));
    const haddr_t offset = H5Dget_offset(set->id); /* undefined for compact ones: <= 64 KiB */
    const hsize_t start = offset == HADDR_UNDEF ? 0 : offset;
    if (start > file_bytes || bytes > file_bytes - start)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' claims %zu bytes beyond the end; the file is damaged",
                  path_of(file, path), name, bytes);
done:
    return status;
}

static judd_status open_dataset(dataset *set, hid_t file, const char *name, bool writing) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    hsize_t size[JUDD_H5_MAX_RANK];
    memset(set, 0, sizeof *set);
    JUDD_TRY(require(file, name));
    set->id = H5Dopen2(file, name, H5P_DEFAULT);
    if (set->id < 0) JUDD_TRY(fail(JUDD_E_DATA, file, "open the dataset", name));
    JUDD_TRY(check_layout(file, set->id, name)); /* before anything that may open other files */
    set->space = H5Dget_space(set->id);
    set->type = H5Dget_type(set->id);
    if (set->space < 0 || set->type < 0) JUDD_TRY(fail(JUDD_E_DATA, file, "examine", name));
    set->rank = H5Sget_simple_extent_ndims(set->space);
    const H5S_class_t class = H5Sget_simple_extent_type(set->space);
    if (set->rank < 0 || set->rank > JUDD_H5_MAX_RANK ||
        (class != H5S_SIMPLE && class != H5S_SCALAR))
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' has no plain shape of at most %d dimensions; rewrite it",
                  path_of(file, path), name, JUDD_H5_MAX_RANK);
    H5Sget_simple_extent_dims(set->space, size, NULL);
    for (int d = 0; d < set->rank; d++) {
        if (size[d] > INT64_MAX)
            JUDD_FAIL(JUDD_E_DATA, "%s: '%s' claims 2^63 rows or more; the file is damaged",
                      path_of(file, path), name);
        set->dims[d] = (int64_t)size[d];
    }
    if (!writing) JUDD_TRY(check_extent(file, set, name));
done:
    if (status != JUDD_OK) close_dataset(set);
    return status;
}

judd_status judd_h5_dims(hid_t file, const char *name, int rank, int64_t *dims) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    dataset set = {0};
    JUDD_TRY(open_dataset(&set, file, name, false));
    if (set.rank != rank)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' has %d dimensions, expected %d; is it the right file?",
                  path_of(file, path), name, set.rank, rank);
    for (int d = 0; d < rank; d++) dims[d] = set.dims[d];
done:
    close_dataset(&set);
    return status;
}

hid_t judd_h5_float16(void) {
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    if (type < 0) return type;
    /* sign, exponent (at bit 10, 5 bits), fraction (10 bits); the size shrinks last */
    if (H5Tset_fields(type, 15, 10, 5, 0, 10) >= 0 && H5Tset_size(type, 2) >= 0 &&
        H5Tset_ebias(type, 15) >= 0)
        return type;
    H5Tclose(type);
    return H5I_INVALID_HID;
}

/* IEEE 754 binary16, 32 or 64, least byte first. */
static bool is_real(hid_t type) {
    size_t sign = 0, exponent = 0, n_exponent = 0, mantissa = 0, n_mantissa = 0;
    if (H5Tequal(type, H5T_IEEE_F32LE) > 0 || H5Tequal(type, H5T_IEEE_F64LE) > 0) return true;
    return H5Tget_size(type) == 2 && H5Tget_order(type) == H5T_ORDER_LE &&
           H5Tget_fields(type, &sign, &exponent, &n_exponent, &mantissa, &n_mantissa) >= 0 &&
           sign == 15 && exponent == 10 && n_exponent == 5 && mantissa == 0 && n_mantissa == 10 &&
           H5Tget_ebias(type) == 15;
}

static char kind_of(hid_t type) {
    const H5T_class_t class = H5Tget_class(type);
    if (class == H5T_FLOAT) return is_real(type) ? 'f' : '?';
    if (class != H5T_INTEGER) return '?';
    if (H5Tget_size(type) > 1 && H5Tget_order(type) != H5T_ORDER_LE) return '?';
    return H5Tget_sign(type) == H5T_SGN_NONE ? 'u' : 'i';
}

judd_status judd_h5_extent_of(hid_t file, const char *name, judd_h5_extent *extent) {
    judd_status status = JUDD_OK;
    dataset set = {0};
    JUDD_TRY(open_dataset(&set, file, name, false));
    const haddr_t offset = H5Dget_offset(set.id);
    *extent = (judd_h5_extent){.rank = set.rank,
                               .kind = kind_of(set.type),
                               .width = (int)H5Tget_size(set.type),
                               .offset = offset == HADDR_UNDEF ? -1 : (int64_t)offset};
    for (int d = 0; d < set.rank; d++) extent->dims[d] = set.dims[d];
done:
    close_dataset(&set);
    return status;
}

/* ------------------------------------------------------------------------------ transfers */

typedef struct transfer {
    const dataset *set;
    hid_t type; /* in memory */
    bool writing;
    hsize_t start[JUDD_H5_MAX_RANK], count[JUDD_H5_MAX_RANK]; /* the block of this call */
    char *data;                                               /* where the next call's bytes are */
} transfer;

static herr_t move_block(transfer *t, int64_t n_items) {
    herr_t result = -1;
    const hsize_t n = (hsize_t)n_items;
    hid_t memory = H5Screate_simple(1, &n, NULL);
    if (memory < 0) return -1;
    if (t->set->rank > 0 &&
        H5Sselect_hyperslab(t->set->space, H5S_SELECT_SET, t->start, NULL, t->count, NULL) < 0)
        goto done;
    if (t->writing)
        result = H5Dwrite(t->set->id, t->type, memory, t->set->space, H5P_DEFAULT, t->data);
    else
        result = H5Dread(t->set->id, t->type, memory, t->set->space, H5P_DEFAULT, t->data);
done:
    if (result < 0) judd_h5_reason(); /* kept before the next call clears it */
    t->data += (size_t)n_items * H5Tget_size(t->type);
    H5Sclose(memory);
    return result;
}

/* The block [start, start + count) in calls of at most JUDD_H5_CALL_BYTES: whole slices of
 * dimension d where they fit, otherwise slice by slice along d + 1. */
static herr_t move_split(transfer *t, int d) {
    int64_t items = 1; /* of one slice */
    for (int k = d + 1; k < t->set->rank; k++) items *= (int64_t)t->count[k];
    if (d >= t->set->rank) return move_block(t, 1);
    const int64_t slice = items * (int64_t)H5Tget_size(t->type);
    const int64_t fit = JUDD_H5_CALL_BYTES / slice;
    const hsize_t first = t->start[d], n = t->count[d];
    const hsize_t step = fit > 0 ? (hsize_t)fit : 1;
    herr_t result = 0;
    for (hsize_t at = 0; at < n && result >= 0; at += step) {
        t->start[d] = first + at;
        t->count[d] = n - at < step ? n - at : step;
        result = fit > 0 || d + 1 == t->set->rank ? move_block(t, (int64_t)t->count[d] * items)
                                                  : move_split(t, d + 1);
    }
    t->start[d] = first;
    t->count[d] = n;
    return result;
}

/* Numbers convert between sizes, and integers become reals; nothing else is guessed. */
static judd_status check_type(hid_t file, const dataset *set, const char *name, hid_t type) {
    char path[PATH_SIZE];
    const H5T_class_t have = H5Tget_class(set->type), want = H5Tget_class(type);
    if (have == want && (have == H5T_INTEGER || have == H5T_FLOAT)) return JUDD_OK;
    if (have == H5T_INTEGER && want == H5T_FLOAT) return JUDD_OK;
    if (have == want && H5Tequal(set->type, type) > 0) return JUDD_OK;
    return judd_status_set(JUDD_E_DATA,
                           "%s: '%s' holds another type of data; is it the right file?",
                           path_of(file, path), name);
}

static judd_status move_rows(hid_t file, const char *name, hid_t type, int64_t first, int64_t n,
                             void *data, bool writing, bool all) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    dataset set = {0};
    bool empty = false;
    JUDD_TRY(open_dataset(&set, file, name, writing));
    if (!writing) JUDD_TRY(check_type(file, &set, name, type));
    if (all && set.rank > 0) n = set.dims[0];
    if (set.rank == 0 ? !all : first < 0 || n < 0 || first > set.dims[0] - n)
        JUDD_FAIL(writing ? JUDD_E_INTERNAL : JUDD_E_DATA,
                  "%s: '%s' has %lld rows, not %lld from row %lld on; is it the right file?",
                  path_of(file, path), name, (long long)set.dims[0], (long long)n,
                  (long long)first);
    transfer t = {.set = &set, .type = type, .writing = writing, .data = data};
    for (int d = 0; d < set.rank; d++) {
        t.start[d] = d == 0 ? (hsize_t)first : 0;
        t.count[d] = d == 0 ? (hsize_t)n : (hsize_t)set.dims[d];
        empty = empty || t.count[d] == 0;
    }
    if (!empty && move_split(&t, 0) < 0)
        JUDD_TRY(fail(JUDD_E_IO, file, writing ? "write" : "read", name));
    if (close_dataset(&set) < 0 && writing) JUDD_TRY(fail(JUDD_E_IO, file, "write", name));
done:
    close_dataset(&set);
    return status;
}

judd_status judd_h5_write_rows(hid_t file, const char *name, hid_t type, int64_t first, int64_t n,
                               const void *data) {
    return move_rows(file, name, type, first, n, (void *)(uintptr_t)data, true, false);
}

judd_status judd_h5_read_rows(hid_t file, const char *name, hid_t type, int64_t first, int64_t n,
                              void *data) {
    return move_rows(file, name, type, first, n, data, false, false);
}

judd_status judd_h5_write(hid_t file, const char *name, hid_t type, const void *data) {
    return move_rows(file, name, type, 0, 0, (void *)(uintptr_t)data, true, true);
}

/* ----------------------------------------------------------------------------- attributes */

static judd_status set_attribute(hid_t file, const char *object, const char *name, hid_t type,
                                 hid_t memory, const void *value) {
    judd_status status = JUDD_OK;
    hid_t attribute = H5I_INVALID_HID;
    hid_t space = H5Screate(H5S_SCALAR);
    JUDD_TRY(require(file, object));
    const htri_t exists = H5Aexists_by_name(file, object, name, H5P_DEFAULT);
    if (exists < 0 || (exists > 0 && H5Adelete_by_name(file, object, name, H5P_DEFAULT) < 0))
        JUDD_TRY(fail(JUDD_E_IO, file, "replace the attribute", name));
    attribute =
        H5Acreate_by_name(file, object, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, memory, value) < 0)
        JUDD_TRY(fail(JUDD_E_IO, file, "write the attribute", name));
done:
    if (attribute > 0) H5Aclose(attribute);
    if (space > 0) H5Sclose(space);
    return status;
}

/* `bytes` with the final NUL: h5dump shows the padding of null-padded strings. */
static hid_t string_type(size_t bytes) {
    hid_t type = H5Tcopy(H5T_C_S1);
    if (type >= 0 && H5Tset_size(type, bytes) >= 0 && H5Tset_cset(type, H5T_CSET_UTF8) >= 0 &&
        H5Tset_strpad(type, H5T_STR_NULLTERM) >= 0)
        return type;
    if (type > 0) H5Tclose(type);
    return H5I_INVALID_HID;
}

judd_status judd_h5_set_string(hid_t file, const char *object, const char *name,
                               const char *value) {
    judd_status status = JUDD_OK;
    hid_t type = H5I_INVALID_HID;
    if (strlen(value) >= MAX_STRING)
        JUDD_FAIL(JUDD_E_INTERNAL, "HDF5 attribute '%s' of %zu bytes; fewer than %d are supported",
                  name, strlen(value), MAX_STRING);
    type = string_type(strlen(value) + 1);
    if (type < 0) JUDD_TRY(fail(JUDD_E_INTERNAL, file, "make the type of", name));
    JUDD_TRY(set_attribute(file, object, name, type, type, value));
done:
    if (type > 0) H5Tclose(type);
    return status;
}

judd_status judd_h5_set_int(hid_t file, const char *object, const char *name, int64_t value) {
    return set_attribute(file, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
}

judd_status judd_h5_set_double(hid_t file, const char *object, const char *name, double value) {
    return set_attribute(file, object, name, H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, &value);
}

/* An attribute of one element; both handles are the caller's. */
static judd_status open_attribute(hid_t *attribute, hid_t *type, hid_t file, const char *object,
                                  const char *name) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    hid_t space = H5I_INVALID_HID;
    JUDD_TRY(require(file, object));
    if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) <= 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' has no attribute '%s'; is it the right file?",
                  path_of(file, path), object, name);
    *attribute = H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
    if (*attribute >= 0) *type = H5Aget_type(*attribute);
    if (*type >= 0) space = H5Aget_space(*attribute);
    if (space < 0) JUDD_TRY(fail(JUDD_E_DATA, file, "open the attribute", name));
    if (H5Sget_simple_extent_npoints(space) != 1)
        JUDD_FAIL(JUDD_E_DATA,
                  "%s: attribute '%s' of '%s' has not one value; is it the right file?",
                  path_of(file, path), name, object);
done:
    if (space > 0) H5Sclose(space);
    return status;
}

static judd_status get_number(hid_t file, const char *object, const char *name, hid_t memory,
                              void *value) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    hid_t attribute = H5I_INVALID_HID, type = H5I_INVALID_HID;
    JUDD_TRY(open_attribute(&attribute, &type, file, object, name));
    const H5T_class_t have = H5Tget_class(type), want = H5Tget_class(memory);
    if (have != want && !(have == H5T_INTEGER && want == H5T_FLOAT))
        JUDD_FAIL(JUDD_E_DATA, "%s: attribute '%s' of '%s' is not %s; is it the right file?",
                  path_of(file, path), name, object,
                  want == H5T_INTEGER ? "an integer" : "a number");
    if (H5Aread(attribute, memory, value) < 0)
        JUDD_TRY(fail(JUDD_E_IO, file, "read the attribute", name));
done:
    if (type > 0) H5Tclose(type);
    if (attribute > 0) H5Aclose(attribute);
    return status;
}

judd_status judd_h5_get_int(hid_t file, const char *object, const char *name, int64_t *value) {
    return get_number(file, object, name, H5T_NATIVE_INT64, value);
}

judd_status judd_h5_get_double(hid_t file, const char *object, const char *name, double *value) {
    return get_number(file, object, name, H5T_NATIVE_DOUBLE, value);
}

/* The memory type, with room for a final NUL, of a fixed-length string of the file. */
static judd_status string_memory(hid_t *memory, size_t *bytes, hid_t file, hid_t type,
                                 const char *name) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' is no fixed-length string (numpy's dtype 'S'); rewrite it",
                  path_of(file, path), name);
    const size_t length = H5Tget_size(type);
    if (length > MAX_STRING)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' has strings of %zu bytes, at most %d are allowed",
                  path_of(file, path), name, length, MAX_STRING);
    *bytes = length + 1;
    *memory = H5Tcopy(type);
    if (*memory < 0 || H5Tset_size(*memory, *bytes) < 0 ||
        H5Tset_strpad(*memory, H5T_STR_NULLTERM) < 0)
        JUDD_TRY(fail(JUDD_E_DATA, file, "understand the strings of", name));
done:
    return status;
}

judd_status judd_h5_get_string(hid_t file, const char *object, const char *name, char **value) {
    judd_status status = JUDD_OK;
    hid_t attribute = H5I_INVALID_HID, type = H5I_INVALID_HID, memory = H5I_INVALID_HID;
    char *text = NULL;
    size_t bytes = 0;
    *value = NULL;
    JUDD_TRY(open_attribute(&attribute, &type, file, object, name));
    JUDD_TRY(string_memory(&memory, &bytes, file, type, name));
    JUDD_TRY(judd_memory_alloc(&text, (int64_t)bytes, 1));
    if (H5Aread(attribute, memory, text) < 0)
        JUDD_TRY(fail(JUDD_E_IO, file, "read the attribute", name));
    text[bytes - 1] = 0;
    *value = text;
    text = NULL;
done:
    free(text);
    if (memory > 0) H5Tclose(memory);
    if (type > 0) H5Tclose(type);
    if (attribute > 0) H5Aclose(attribute);
    return status;
}

/* --------------------------------------------------------------------------------- checks */

/* Of a dataset: XXH3-64 of its bytes in memory. HDF5 itself checks its metadata, not the data. */
static const char CHECK[] = "check";

static size_t memory_bytes(const dataset *set, hid_t type) {
    size_t bytes = H5Tget_size(type);
    for (int d = 0; d < set->rank; d++) bytes *= (size_t)set->dims[d];
    return bytes;
}

/* What was read is what judd_h5_put was given; datasets that others made carry no check. */
static judd_status compare_check(hid_t file, const char *name, const dataset *set, hid_t type,
                                 const void *data) {
    judd_status status = JUDD_OK;
    char path[PATH_SIZE];
    int64_t stored = 0;
    if (H5Aexists(set->id, CHECK) <= 0) return JUDD_OK;
    JUDD_TRY(judd_h5_get_int(file, name, CHECK, &stored));
    if ((int64_t)judd_hash_check(data, memory_bytes(set, type), 0) != stored)
        JUDD_FAIL(JUDD_E_DATA, "%s: '%s' is damaged; remove the file and make it again",
                  path_of(file, path), name);
done:
    return status;
}

judd_status judd_h5_put(hid_t file, const char *name, hid_t file_type, hid_t memory_type, int rank,
                        const int64_t *dims, const char *description, const void *data) {
    judd_status status = JUDD_OK;
    dataset set = {0};
    JUDD_TRY(judd_h5_create_dataset(file, name, file_type, rank, dims, description));
    JUDD_TRY(judd_h5_write(file, name, memory_type, data));
    JUDD_TRY(open_dataset(&set, file, name, false));
    JUDD_TRY(judd_h5_set_int(file, name, CHECK,
                             (int64_t)judd_hash_check(data, memory_bytes(&set, memory_type), 0)));
done:
    close_dataset(&set);
    return status;
}

judd_status judd_h5_read(hid_t file, const char *name, hid_t type, void *data) {
    judd_status status = JUDD_OK;
    dataset set = {0};
    JUDD_TRY(move_rows(file, name, type, 0, 0, data, false, true));
    JUDD_TRY(open_dataset(&set, file, name, false));
    JUDD_TRY(compare_check(file, name, &set, type, data));
done:
    close_dataset(&set);
    return status;
}

/* The type by which a dataset was given to judd_h5_put. */
static judd_status put_type(hid_t *memory, hid_t file, const dataset *set, const char *name) {
    size_t bytes = 0;
    if (H5Tget_class(set->type) == H5T_STRING)
        return string_memory(memory, &bytes, file, set->type, name);
    *memory = H5Tget_native_type(set->type, H5T_DIR_ASCEND);
    return *memory < 0 ? fail(JUDD_E_DATA, file, "understand", name) : JUDD_OK;
}

static judd_status check_dataset(hid_t file, const char *name) {
    judd_status status = JUDD_OK;
    dataset set = {0};
    hid_t type = H5I_INVALID_HID;
    void *data = NULL;
    JUDD_TRY(open_dataset(&set, file, name, false));
    if (H5Aexists(set.id, CHECK) <= 0) goto done;
    JUDD_TRY(put_type(&type, file, &set, name));
    JUDD_TRY(judd_memory_alloc(&data, (int64_t)memory_bytes(&set, type), 1));
    if (H5Dread(set.id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        JUDD_TRY(fail(JUDD_E_IO, file, "read", name));
    JUDD_TRY(compare_check(file, name, &set, type, data));
done:
    free(data);
    if (type > 0) H5Tclose(type);
    close_dataset(&set);
    return status;
}

typedef struct checking {
    hid_t file;
    judd_status status;
} checking;

static herr_t check_link(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    (void)info;
    checking *c = context;
    H5O_info_t object;
    if (H5Oget_info_by_name(group, name, &object, H5P_DEFAULT) >= 0 &&
        object.type != H5O_TYPE_DATASET)
        return 0;
    c->status = check_dataset(c->file, name);
    return c->status != JUDD_OK;
}

/* HDF5 compares its own checksums of what it loads: of attributes, when somebody asks for them. */
static herr_t load_attribute(hid_t object, const char *name, const H5A_info_t *info, void *unused) {
    (void)object, (void)name, (void)info, (void)unused;
    return 0;
}

judd_status judd_h5_check(hid_t file, const char *path) {
    checking c = {.file = file};
    if (H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, NULL, load_attribute, NULL) < 0)
        return fail_path(JUDD_E_DATA, path, "examine", "the attributes");
    if (H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, check_link, &c) < 0)
        return fail_path(JUDD_E_DATA, path, "examine", "the file");
    return c.status;
}

/* ------------------------------------------------------------------------ lists of strings */

judd_status judd_h5_write_strings(hid_t file, const char *name, const char *const *text, int64_t n,
                                  const char *description) {
    judd_status status = JUDD_OK;
    hid_t type = H5I_INVALID_HID, memory = H5I_INVALID_HID;
    char *table = NULL;
    size_t width = 1, bytes = 0;
    for (int64_t i = 0; i < n; i++)
        if (strlen(text[i]) >= width) width = strlen(text[i]) + 1;
    if (width > MAX_STRING)
        JUDD_FAIL(JUDD_E_INTERNAL, "HDF5 strings '%s' of %zu bytes; at most %d are supported", name,
                  width, MAX_STRING);
    type = string_type(width);
    if (type < 0) JUDD_TRY(fail(JUDD_E_INTERNAL, file, "make the type of", name));
    JUDD_TRY(string_memory(&memory, &bytes, file, type, name)); /* as it will be read */
    JUDD_TRY(judd_memory_alloc(&table, n, bytes));
    for (int64_t i = 0; i < n; i++) memcpy(table + (size_t)i * bytes, text[i], strlen(text[i]));
    JUDD_TRY(judd_h5_put(file, name, type, memory, 1, &n, description, table));
done:
    if (memory > 0) H5Tclose(memory);
    if (type > 0) H5Tclose(type);
    free(table);
    return status;
}

judd_status judd_h5_read_strings(hid_t file, const char *name, char ***text, int64_t *n) {
    judd_status status = JUDD_OK;
    dataset set = {0};
    hid_t memory = H5I_INVALID_HID;
    char **list = NULL;
    size_t bytes = 0;
    *text = NULL;
    *n = 0;
    JUDD_TRY(judd_h5_dims(file, name, 1, n));
    JUDD_TRY(open_dataset(&set, file, name, false));
    JUDD_TRY(string_memory(&memory, &bytes, file, set.type, name));
    JUDD_TRY(judd_memory_alloc(&list, *n, sizeof *list + bytes));
    char *table = (char *)(list + *n);
    for (int64_t i = 0; i < *n; i++) list[i] = table + (size_t)i * bytes;
    transfer t = {.set = &set, .type = memory, .count = {(hsize_t)*n}, .data = table};
    if (*n > 0 && move_split(&t, 0) < 0) JUDD_TRY(fail(JUDD_E_IO, file, "read", name));
    JUDD_TRY(compare_check(file, name, &set, memory, table));
    *text = list;
    list = NULL;
done:
    free(list);
    if (memory > 0) H5Tclose(memory);
    close_dataset(&set);
    return status;
}
