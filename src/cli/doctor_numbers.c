/* Do the libraries compute what they should here? Oracles are sums in float64 and closed forms. */
#include "cli/doctor.h"

#include <judd/base/memory.h>
#include <judd/engine/engine.h>
#include <judd/linalg/gemm.h>
#include <judd/linalg/scalapack.h>

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

/* No multiples of a kernel's tile. */
enum { M = 67, N = 61, K = 259, ORDER = 130 };

static float number(int i, int j) {
    return (float)((i * 37 + j * 101) % 199 - 99) / 127.0f;
}

/* Largest |c - a b|. */
static double error_of(const float *c, const float *a, const float *b) {
    double worst = 0.0;
    for (int i = 0; i < M; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0.0;
            for (int k = 0; k < K; k++) sum += (double)a[i * K + k] * (double)b[k * N + j];
            double error = fabs(sum - (double)c[i * N + j]);
            if (!(error <= worst)) worst = error; /* also NaN */
        }
    return worst;
}

/* Errors of a product by OpenBLAS and by Judd's kernel. */
static judd_status measure_products(double error[2], const char **isa) {
    judd_status status = JUDD_OK;
    float *a = NULL, *b = NULL, *c = NULL;
    judd_gemm *gemm = NULL;
    JUDD_TRY(judd_memory_alloc(&a, M * K, sizeof *a));
    JUDD_TRY(judd_memory_alloc(&b, K * N, sizeof *b));
    JUDD_TRY(judd_memory_alloc(&c, M * N, sizeof *c));
    for (int i = 0; i < M * K; i++) a[i] = number(i / K, i % K);
    for (int i = 0; i < K * N; i++) b[i] = number(i % N, i / N);
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, M, N, K, 1.0f, a, K, b, N, 0.0f, c, N);
    error[0] = error_of(c, a, b);
    JUDD_TRY(judd_gemm_create(&gemm));
    const char *name = judd_gemm_isa(gemm);
    *isa = name;
    JUDD_TRY(judd_gemm_multiply(gemm, M, N, K, (judd_gemm_matrix){a, K, 1},
                                (judd_gemm_matrix){b, N, 1}, c, N, false));
    error[1] = error_of(c, a, b);
done:
    judd_gemm_destroy(gemm);
    free(a);
    free(b);
    free(c);
    return status;
}

static judd_status check_products(judd_doctor *d) {
    judd_status status = JUDD_OK;
    double error[2] = {0.0, 0.0};
    const char *isa = "";
    const double most = 1e-3; /* rounding stays below, one wrong product does not */
    JUDD_TRY(judd_comm_agree(d->comm, measure_products(error, &isa)));
    JUDD_TRY(judd_comm_max(d->comm, error, 2));
    judd_doctor_say(d, error[0] <= most ? JUDD_CHECK_OK : JUDD_CHECK_PROBLEM, "BLAS",
                    "this OpenBLAS is wrong on this CPU: update it, or set OPENBLAS_CORETYPE to an "
                    "older kind (Haswell)",
                    "OpenBLAS for %s, largest error of a product %.1e", openblas_get_corename(),
                    error[0]);
    judd_doctor_say(d, error[1] <= most ? JUDD_CHECK_OK : JUDD_CHECK_PROBLEM, "kernels",
                    "please report this with the output of judd --version and lscpu",
                    "Judd's own for %s, largest error of a product %.1e", isa, error[1]);
done:
    return status;
}

/* The matrix r^|i-j| has determinant (1 - r^2)^(n-1): Kac, Murdock & Szego 1953. */
static judd_status measure_scalapack(double *error, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_block_cyclic_grid grid = {0};
    judd_block_cyclic *a = NULL;
    double determinant = 0.0;
    JUDD_TRY(judd_scalapack_open(&grid, comm));
    JUDD_TRY(
        judd_block_cyclic_create(&a, &grid, ORDER, ORDER, judd_block_cyclic_block(&grid, ORDER)));
    for (int64_t j = 0; j < a->local_columns; j++)
        for (int64_t i = 0; i < a->local_rows; i++) {
            int64_t row = judd_block_cyclic_to_global(i, a->block, grid.row, grid.n_rows);
            int64_t column = judd_block_cyclic_to_global(j, a->block, grid.column, grid.n_columns);
            a->data[j * a->ld + i] = pow(0.5, (double)llabs(row - column));
        }
    JUDD_TRY(judd_scalapack_log_determinant(&determinant, a));
    *error = fabs(determinant - (ORDER - 1) * log(0.75));
done:
    judd_block_cyclic_destroy(a);
    judd_scalapack_close(&grid);
    return status;
}

static judd_status check_scalapack(judd_doctor *d) {
    double error = 0.0;
    judd_status status = measure_scalapack(&error, d->comm);
    if (status != JUDD_OK)
        judd_doctor_say(d, JUDD_CHECK_PROBLEM, "ScaLAPACK",
                        "use a ScaLAPACK built for this MPI and this OpenBLAS", "%s",
                        judd_status_message());
    status = judd_comm_max(d->comm, &error, 1);
    if (status == JUDD_OK)
        judd_doctor_say(d, error <= 1e-9 ? JUDD_CHECK_OK : JUDD_CHECK_PROBLEM, "ScaLAPACK",
                        "use a ScaLAPACK built for this MPI and this OpenBLAS",
                        "error of a log determinant of order %d %.1e", ORDER, error);
    return status;
}

/* Ranks of a job agree on the lowest instruction set, which then slows all. */
static judd_status check_engine(judd_doctor *d) {
    double isa[2] = {judd_engine_isa(JUDD_BF16), -judd_engine_isa(JUDD_BF16)};
    judd_status status = judd_comm_max(d->comm, isa, 2);
    int highest = (int)isa[0], lowest = (int)-isa[1];
    if (status != JUDD_OK) return status;
    if (highest == lowest)
        judd_doctor_say(d, JUDD_CHECK_OK, "networks", NULL, "%s, instruction set %s: precision %s",
                        judd_engine_library(), judd_engine_isa_name(lowest),
                        judd_engine_isa_has_bf16(lowest)
                            ? "\"float32\" or \"bf16\""
                            : "\"float32\", no \"bf16\" (that takes AVX512_BF16 or AMX)");
    else
        judd_doctor_say(d, JUDD_CHECK_WARNING, "networks", "use nodes of one kind",
                        "%s; some nodes have %s, others only %s: all will use that",
                        judd_engine_library(), judd_engine_isa_name(highest),
                        judd_engine_isa_name(lowest));
    return JUDD_OK;
}

judd_status judd_doctor_numbers(judd_doctor *d) {
    judd_status status = JUDD_OK;
    JUDD_TRY(check_products(d));
    JUDD_TRY(check_scalapack(d));
    JUDD_TRY(check_engine(d));
done:
    return status;
}
