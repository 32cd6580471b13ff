#include "cli/bench.h"

#include "cli/bench_decode.h"
#include "cli/bench_extract.h"
#include "cli/bench_features.h"
#include "cli/bench_read.h"
#include "cli/bench_vectors.h"
#include "cli/commands.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static judd_status set_option(const judd_bench_option *o, const char *bench, const char *text) {
    char *end = NULL;
    errno = 0;
    if (o->text) {
        *o->text = text;
        return JUDD_OK;
    }
    if (o->integer) {
        *o->integer = strtoll(text, &end, 10);
        if (!*end && end != text && !errno && *o->integer >= o->minimum && *o->integer < 1 << 30)
            return JUDD_OK;
        return judd_status_set(JUDD_E_USAGE, "bench %s: %s %s; give a whole number, at least %lld",
                               bench, o->name, text, (long long)o->minimum);
    }
    *o->real = strtod(text, &end);
    if (!*end && end != text && isfinite(*o->real) && *o->real > 0.0) return JUDD_OK;
    return judd_status_set(JUDD_E_USAGE, "bench %s: %s %s; give a number greater than 0", bench,
                           o->name, text);
}

judd_status judd_bench_parse(const judd_bench_option *options, int n_options, int argc,
                             char **argv) {
    judd_status status = JUDD_OK;
    for (int i = 1; i < argc; i++) {
        int k = 0;
        while (k < n_options && strcmp(options[k].name, argv[i]) != 0) k++;
        if (k == n_options)
            JUDD_FAIL(JUDD_E_USAGE, "bench %s: unknown option %s; see judd bench --help", argv[0],
                      argv[i]);
        if (options[k].flag) {
            *options[k].flag = true;
        } else if (++i == argc) {
            JUDD_FAIL(JUDD_E_USAGE, "bench %s: %s needs a value", argv[0], argv[i - 1]);
        } else {
            JUDD_TRY(set_option(&options[k], argv[0], argv[i]));
        }
    }
done:
    return status;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

double judd_bench_median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, by_value);
    return n % 2 ? x[n / 2] : 0.5 * (x[n / 2 - 1] + x[n / 2]);
}

judd_status judd_bench_print(json_t *record, bool as_json, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    const char *key;
    json_t *value;
    if (comm->rank != 0) goto done;
    if (!record) JUDD_FAIL(JUDD_E_INTERNAL, "bench: no memory for the record");
    if (as_json) {
        json_dumpf(record, stdout, JSON_REAL_PRECISION(17));
        printf("\n");
    } else {
        json_object_foreach(record, key, value) {
            printf("%-20s ", key);
            json_dumpf(value, stdout, JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
            printf("\n");
        }
    }
done:
    json_decref(record);
    return judd_comm_broadcast_status(comm, status);
}

judd_status judd_command_bench(const judd_comm *comm, int argc, char **argv,
                               const volatile sig_atomic_t *stop) {
    static const struct {
        const char *name;
        judd_status (*run)(const judd_comm *comm, int argc, char **argv);
    } benches[] = {{"train", judd_bench_train},
                   {"allreduce", judd_bench_allreduce},
                   {"checkpoint", judd_bench_checkpoint},
                   {"path", judd_bench_path},
                   {"ridge", judd_bench_ridge},
                   {"features", judd_bench_features},
                   {"extract", judd_bench_extract},
                   {"decode", judd_bench_decode},
                   {"read", judd_bench_read},
                   {"vectors", judd_bench_vectors},
                   {"score", judd_bench_score}};
    (void)stop;
    for (size_t i = 0; argc > 1 && i < sizeof benches / sizeof *benches; i++)
        if (strcmp(argv[1], benches[i].name) == 0) return benches[i].run(comm, argc - 1, argv + 1);
    return judd_status_set(JUDD_E_USAGE,
                           "bench: %s is none of train, allreduce, checkpoint, path, ridge, "
                           "features, extract, decode, read, "
                           "vectors and score; see judd bench --help",
                           argc > 1 ? argv[1] : "nothing");
}
