/* GFLOP/s of judd_gemm and of OpenBLAS's sgemm, taken alternately in one process so that other
 * load on the machine meets both, in time of this thread: medians and the median of the ratios.
 *
 *   linalg_bench_gemm [alternations [part of a shape's name]]
 */
#include <judd/base/clock.h>
#include <judd/base/memory.h>
#include <judd/linalg/gemm.h>

#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct shape {
    const char *what;
    int m, n, k;
    bool a_transposed, b_transposed; /* stored [k, m], [n, k] */
} shape;

typedef struct rates {
    double judd, openblas; /* median GFLOP/s */
    double ratio;          /* median of time(OpenBLAS) / time(judd) */
} rates;

static double now(void) {
    return judd_clock_s(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, by_value);
    return x[n / 2];
}

static judd_status fill(float **out, int64_t n) {
    judd_status status = judd_memory_alloc(out, n, sizeof **out);
    for (int64_t i = 0; status == JUDD_OK && i < n; i++)
        (*out)[i] = (float)(i * 2654435761u % 1999) * 1e-3f - 1.0f;
    return status;
}

static void run_openblas(const shape *s, const float *a, const float *b, float *c) {
    cblas_sgemm(CblasRowMajor, s->a_transposed ? CblasTrans : CblasNoTrans,
                s->b_transposed ? CblasTrans : CblasNoTrans, s->m, s->n, s->k, 1.0f, a,
                s->a_transposed ? s->m : s->k, b, s->b_transposed ? s->k : s->n, 0.0f, c, s->n);
}

static judd_status run_judd(judd_gemm *gemm, const shape *s, const float *a, const float *b,
                            float *c) {
    judd_gemm_matrix x = {a, s->a_transposed ? 1 : s->k, s->a_transposed ? s->m : 1};
    judd_gemm_matrix y = {b, s->b_transposed ? 1 : s->n, s->b_transposed ? s->k : 1};
    return judd_gemm_multiply(gemm, s->m, s->n, s->k, x, y, c, s->n, false);
}

static judd_status measure(rates *out, judd_gemm *gemm, const shape *s, int alternations) {
    judd_status status = JUDD_OK;
    float *a = NULL, *b = NULL, *c = NULL;
    double *time = NULL, flop = 2.0 * s->m * s->n * s->k;
    int repeat = 1 + (int)(5e7 / flop); /* a sample takes a millisecond or so */
    JUDD_TRY(fill(&a, (int64_t)s->m * s->k));
    JUDD_TRY(fill(&b, (int64_t)s->n * s->k));
    JUDD_TRY(fill(&c, (int64_t)s->m * s->n));
    JUDD_TRY(judd_memory_alloc(&time, 3 * (int64_t)alternations, sizeof *time));
    double *judd = time, *blas = time + alternations, *ratio = time + 2 * alternations;
    for (int i = -1; i < alternations; i++) { /* -1: warm up */
        double t0 = now();
        for (int r = 0; r < repeat; r++) JUDD_TRY(run_judd(gemm, s, a, b, c));
        double t1 = now();
        for (int r = 0; r < repeat; r++) run_openblas(s, a, b, c);
        double t2 = now();
        if (i < 0) continue;
        judd[i] = t1 - t0;
        blas[i] = t2 - t1;
        ratio[i] = blas[i] / judd[i];
    }
    out->judd = 1e-9 * flop * repeat / median(judd, alternations);
    out->openblas = 1e-9 * flop * repeat / median(blas, alternations);
    out->ratio = median(ratio, alternations);
done:
    free(a);
    free(b);
    free(c);
    free(time);
    return status;
}

int main(int argc, char **argv) {
    static const shape shapes[] = {
        {"forward, wide bank", 1024, 640, 2048, false, true},
        {"plain", 1024, 640, 2048, false, false},
        {"forward, one lane", 64, 640, 2048, false, true},
        {"forward, one head", 256, 10, 2048, false, true},
        {"forward, small", 16, 100, 512, false, true},
        {"forward, deep", 64, 100, 25088, false, true},
        {"gradient, wide bank", 640, 2048, 64, true, false},
        {"gradient, one head", 10, 2048, 64, true, false},
        {"gradient, one lane", 640, 2048, 4, true, false},
        {"gradient, small", 100, 512, 16, true, false},
        {"gradient, deep", 10, 25088, 16, true, false},
    };
    static const char *const isas[] = {"avx512", "avx2", "generic"};
    int alternations = argc > 1 ? atoi(argv[1]) : 31;
    const char *asked = getenv("JUDD_GEMM_ISA");
    judd_gemm *gemm = NULL;
    judd_status status = JUDD_OK;
    openblas_set_num_threads(1);
    printf("%-22s %5s %6s %6s %-8s %10s %10s %7s\n", "GFLOP/s, one thread", "m", "n", "k", "isa",
           "judd", "OpenBLAS", "ratio");
    for (size_t v = 0; v < sizeof isas / sizeof *isas; v++) {
        if (asked && strcmp(asked, isas[v]) != 0) continue;
        setenv("JUDD_GEMM_ISA", isas[v], 1);
        JUDD_TRY(judd_gemm_create(&gemm));
        bool slow = strcmp(isas[v], "generic") == 0;
        for (size_t i = 0; i < (slow ? 1 : sizeof shapes / sizeof *shapes); i++) {
            rates r = {0};
            if (argc > 2 && !strstr(shapes[i].what, argv[2])) continue;
            if (strcmp(judd_gemm_isa(gemm), isas[v]) != 0) break; /* this CPU has no such kernel */
            JUDD_TRY(measure(&r, gemm, &shapes[i], slow ? 1 : alternations));
            printf("%-22s %5d %6d %6d %-8s %10.2f %10.2f %7.3f\n", shapes[i].what, shapes[i].m,
                   shapes[i].n, shapes[i].k, isas[v], r.judd, r.openblas, r.ratio);
        }
        judd_gemm_destroy(gemm);
        gemm = NULL;
    }
done:
    judd_gemm_destroy(gemm);
    if (status != JUDD_OK) fprintf(stderr, "%s\n", judd_status_message());
    return status;
}
