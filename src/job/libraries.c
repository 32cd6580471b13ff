#include <judd/job/libraries.h>

#include <judd/engine/engine.h>
#include <judd/text/tokens.h>

#include <cblas.h>
#include <hdf5.h>
#include <jansson.h>
#include <libconfig.h>
#include <mpi.h>
#include <openssl/crypto.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

static void set(char names[][JUDD_LIBRARY_TEXT], char versions[][JUDD_LIBRARY_TEXT], int *n,
                const char *name, const char *version) {
    snprintf(names[*n], JUDD_LIBRARY_TEXT, "%s", name);
    snprintf(versions[*n], JUDD_LIBRARY_TEXT, "%s", version);
    (*n)++;
}

static void set_mpi(char names[][JUDD_LIBRARY_TEXT], char versions[][JUDD_LIBRARY_TEXT], int *n) {
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0;
    MPI_Get_library_version(text, &length);
    text[strcspn(text, ",\n")] = '\0'; /* "Open MPI v4.1.4": the rest says who built it */
    set(names, versions, n, "MPI", text);
}

static void set_hdf5(char names[][JUDD_LIBRARY_TEXT], char versions[][JUDD_LIBRARY_TEXT], int *n) {
    unsigned major = 0, minor = 0, release = 0;
    char text[64];
    H5get_libversion(&major, &minor, &release);
    snprintf(text, sizeof text, "%u.%u.%u (parallel)", major, minor, release);
    set(names, versions, n, "HDF5", text);
}

void judd_libraries_list(char names[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT],
                         char versions[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT]) {
    int n = 0;
    char text[64];
    set_mpi(names, versions, &n);
    set_hdf5(names, versions, &n);
    set(names, versions, &n, "oneDNN", judd_engine_library() + strlen("oneDNN "));
    set(names, versions, &n, "OpenBLAS", openblas_get_config() + strlen("OpenBLAS "));
    snprintf(text, sizeof text, "%d.%d.%d", LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR,
             LIBCONFIG_VER_REVISION);
    set(names, versions, &n, "libconfig", text);
    set(names, versions, &n, "protobuf-c", protobuf_c_version());
    set(names, versions, &n, "Jansson", JANSSON_VERSION);
    set(names, versions, &n, "zlib", zlibVersion());
    snprintf(text, sizeof text, "%u.%u.%u", XXH_versionNumber() / 10000,
             XXH_versionNumber() / 100 % 100, XXH_versionNumber() % 100);
    set(names, versions, &n, "xxHash", text);
    set(names, versions, &n, "utf8proc", judd_tokens_library());
    set(names, versions, &n, "libcrypto", OpenSSL_version(OPENSSL_VERSION_STRING));
}
