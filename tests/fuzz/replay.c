/* Runs a fuzz target on files and on all files of folders: what a fuzzer found once must stay
 * mended, and seed-* must be taken. Prints how many ran. */
#include "fuzz/fuzz.h"

#include <judd/base/status.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096 };

static int failed;

static int run_file(const char *name) {
    FILE *file = fopen(name, "rb");
    struct stat info;
    if (!file || fstat(fileno(file), &info) != 0) {
        perror(name);
        exit(1);
    }
    size_t n = (size_t)info.st_size;
    uint8_t *data = malloc(n + 1); /* exactly n would do, but malloc(0) may be NULL */
    if (!data || fread(data, 1, n, file) != n) exit(1);
    fclose(file);
    int64_t before = fuzz_n_taken;
    LLVMFuzzerTestOneInput(data, n);
    free(data);
    const char *slash = strrchr(name, '/');
    bool is_seed = strncmp(slash ? slash + 1 : name, "seed-", 5) == 0;
    if (is_seed && fuzz_n_taken == before) {
        fprintf(stderr, "%s: a valid input, but it was not taken: %s\n", name,
                judd_status_message());
        failed = 1;
    }
    return 1;
}

static int run(const char *name) {
    char path[PATH_SIZE];
    int n = 0;
    DIR *folder = opendir(name);
    if (!folder) return run_file(name);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        n += run_file(path);
    }
    closedir(folder);
    return n;
}

int main(int argc, char **argv) {
    int n = 0;
    LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++) n += run(argv[i]);
    printf("%d inputs\n", n);
    return n > 0 ? failed : 1;
}
