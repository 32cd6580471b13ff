#include <judd/linalg/scalapack.h>

#include <judd/base/memory.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ScaLAPACK and BLACS have no C header. Fortran's names, 32-bit integers; indices start at 1. */
extern int Csys2blacs_handle(MPI_Comm comm);
extern void Cfree_blacs_system_handle(int handle);
extern void Cblacs_gridinit(int *context, const char *order, int n_rows, int n_columns);
extern void Cblacs_gridexit(int context);
extern void pdpotrf_(const char *uplo, const int *n, double *a, const int *ia, const int *ja,
                     const int *desc, int *info);
extern void pdpotrs_(const char *uplo, const int *n, const int *nrhs, const double *a,
                     const int *ia, const int *ja, const int *desc_a, double *b, const int *ib,
                     const int *jb, const int *desc_b, int *info);
extern void pdsyevd_(const char *jobz, const char *uplo, const int *n, double *a, const int *ia,
                     const int *ja, const int *desc_a, double *w, double *z, const int *iz,
                     const int *jz, const int *desc_z, double *work, const int *lwork, int *iwork,
                     const int *liwork, int *info);
extern void pdgemm_(const char *trans_a, const char *trans_b, const int *m, const int *n,
                    const int *k, const double *alpha, const double *a, const int *ia,
                    const int *ja, const int *desc_a, const double *b, const int *ib, const int *jb,
                    const int *desc_b, const double *beta, double *c, const int *ic, const int *jc,
                    const int *desc_c);
extern void pdsyrk_(const char *uplo, const char *trans, const int *n, const int *k,
                    const double *alpha, const double *a, const int *ia, const int *ja,
                    const int *desc_a, const double *beta, double *c, const int *ic, const int *jc,
                    const int *desc_c);
extern void pdgeadd_(const char *trans, const int *m, const int *n, const double *alpha,
                     const double *a, const int *ia, const int *ja, const int *desc_a,
                     const double *beta, double *c, const int *ic, const int *jc,
                     const int *desc_c);

judd_status judd_scalapack_open(judd_block_cyclic_grid *out, const judd_comm *comm) {
    judd_block_cyclic_grid grid;
    judd_block_cyclic_deal(&grid, comm);
    grid.handle = Csys2blacs_handle(comm->mpi);
    grid.context = grid.handle;
    Cblacs_gridinit(&grid.context, "Row", grid.n_rows, grid.n_columns);
    *out = grid;
    return judd_comm_agree(comm, grid.context >= 0
                                     ? JUDD_OK
                                     : judd_status_set(JUDD_E_INTERNAL,
                                                       "BLACS made no grid of %d x %d ranks",
                                                       grid.n_rows, grid.n_columns));
}

/* Not Cblacs_exit: it may finalise MPI. */
void judd_scalapack_close(judd_block_cyclic_grid *grid) {
    if (!grid || !grid->comm) return;
    if (grid->context >= 0) Cblacs_gridexit(grid->context);
    Cfree_blacs_system_handle(grid->handle);
    *grid = (judd_block_cyclic_grid){0};
}

/* A part as ScaLAPACK's arguments. */
typedef struct arguments {
    double *a;
    int i, j, m, n;
    int desc[9];
} arguments;

static arguments of(judd_scalapack_part p) {
    const judd_block_cyclic *x = p.matrix;
    arguments r = {.a = x->data,
                   .i = (int)p.row + 1,
                   .j = (int)p.column + 1,
                   .m = (int)p.rows,
                   .n = (int)p.columns,
                   .desc = {1, x->grid->context, (int)x->rows, (int)x->columns, (int)x->block,
                            (int)x->block, 0, 0, (int)x->ld}};
    return r;
}

judd_scalapack_part judd_scalapack_whole(const judd_block_cyclic *matrix) {
    return (judd_scalapack_part){matrix, 0, 0, matrix->rows, matrix->columns};
}

/* PBLAS ends the program on arguments that do not fit; nothing here gets that far. */
static judd_status check_part(judd_scalapack_part p, int64_t rows, int64_t columns,
                              const judd_block_cyclic *as) {
    const judd_block_cyclic *m = p.matrix;
    if (p.rows == rows && p.columns == columns && p.row >= 0 && p.column >= 0 && rows > 0 &&
        columns > 0 && p.row + rows <= m->rows && p.column + columns <= m->columns &&
        m->grid == as->grid && m->block == as->block)
        return JUDD_OK;
    return judd_status_set(JUDD_E_INTERNAL,
                           "scalapack: a part of %lld x %lld at (%lld, %lld) of %lld x %lld does "
                           "not fit a product of %lld x %lld",
                           (long long)p.rows, (long long)p.columns, (long long)p.row,
                           (long long)p.column, (long long)m->rows, (long long)m->columns,
                           (long long)rows, (long long)columns);
}

judd_status judd_scalapack_multiply(judd_scalapack_part c, double alpha, judd_scalapack_part a,
                                    bool transpose_a, judd_scalapack_part b, bool transpose_b,
                                    double beta) {
    judd_status status = JUDD_OK;
    int64_t k = transpose_a ? a.rows : a.columns;
    JUDD_TRY(check_part(c, c.rows, c.columns, c.matrix));
    JUDD_TRY(check_part(a, transpose_a ? k : c.rows, transpose_a ? c.rows : k, c.matrix));
    JUDD_TRY(check_part(b, transpose_b ? c.columns : k, transpose_b ? k : c.columns, c.matrix));
    arguments x = of(a), y = of(b), z = of(c);
    int depth = (int)k;
    pdgemm_(transpose_a ? "T" : "N", transpose_b ? "T" : "N", &z.m, &z.n, &depth, &alpha, x.a, &x.i,
            &x.j, x.desc, y.a, &y.i, &y.j, y.desc, &beta, z.a, &z.i, &z.j, z.desc);
done:
    return status;
}

judd_status judd_scalapack_rank_k(judd_scalapack_part c, double alpha, judd_scalapack_part a,
                                  bool transpose, double beta) {
    judd_status status = JUDD_OK;
    int64_t n = c.rows, k = transpose ? a.rows : a.columns;
    JUDD_TRY(check_part(c, n, n, c.matrix));
    JUDD_TRY(check_part(a, transpose ? k : n, transpose ? n : k, c.matrix));
    arguments x = of(a), z = of(c);
    int depth = (int)k;
    pdsyrk_("L", transpose ? "T" : "N", &z.n, &depth, &alpha, x.a, &x.i, &x.j, x.desc, &beta, z.a,
            &z.i, &z.j, z.desc);
done:
    return status;
}

judd_status judd_scalapack_copy(judd_scalapack_part to, judd_scalapack_part from) {
    judd_status status = JUDD_OK;
    const double one = 1.0, zero = 0.0;
    JUDD_TRY(check_part(to, to.rows, to.columns, to.matrix));
    JUDD_TRY(check_part(from, to.rows, to.columns, to.matrix));
    arguments x = of(from), z = of(to);
    pdgeadd_("N", &z.m, &z.n, &one, x.a, &x.i, &x.j, x.desc, &zero, z.a, &z.i, &z.j, z.desc);
done:
    return status;
}

/* The first pivot lost to rounding: what remains of a diagonal element after the rows before it are
 * taken out is then only their rounding error. *factored: rows that the factorisation reached. */
static judd_status find_dependent(int64_t *dependent, const judd_block_cyclic *a,
                                  const double *before, double *pivot, int64_t factored) {
    judd_status status = JUDD_OK;
    double eps = DBL_EPSILON * (double)a->rows;
    *dependent = factored < a->rows ? factored : -1;
    JUDD_TRY(judd_block_cyclic_diagonal(pivot, a));
    for (int64_t i = 0; i < factored; i++)
        if (!(pivot[i] * pivot[i] > eps * before[i])) {
            *dependent = i;
            break;
        }
done:
    return status;
}

judd_status judd_scalapack_cholesky(judd_block_cyclic *a, int64_t *dependent) {
    judd_status status = JUDD_OK;
    double *before = NULL;
    int64_t first = -1;
    int info = 0;
    JUDD_TRY(check_part(judd_scalapack_whole(a), a->rows, a->rows, a));
    JUDD_TRY(
        judd_comm_agree(a->grid->comm, judd_memory_alloc(&before, 2 * a->rows, sizeof *before)));
    JUDD_TRY(judd_block_cyclic_diagonal(before, a));
    arguments x = of(judd_scalapack_whole(a));
    pdpotrf_("L", &x.n, x.a, &x.i, &x.j, x.desc, &info);
    if (info < 0) JUDD_FAIL(JUDD_E_INTERNAL, "pdpotrf: argument %d", -info);
    JUDD_TRY(find_dependent(&first, a, before, before + a->rows,
                            info > 0 ? (int64_t)info - 1 : a->rows));
    if (first >= 0)
        status = judd_status_set(JUDD_E_DEGENERATE,
                                 "matrix of order %lld is singular: row %lld (from 0) depends on "
                                 "those before it",
                                 (long long)a->rows, (long long)first);
done:
    if (dependent) *dependent = first;
    free(before);
    return status;
}

judd_status judd_scalapack_solve(judd_block_cyclic *b, const judd_block_cyclic *factor) {
    judd_status status = JUDD_OK;
    int info = 0;
    JUDD_TRY(check_part(judd_scalapack_whole(factor), b->rows, b->rows, b));
    arguments x = of(judd_scalapack_whole(factor)), y = of(judd_scalapack_whole(b));
    pdpotrs_("L", &x.n, &y.n, x.a, &x.i, &x.j, x.desc, y.a, &y.i, &y.j, y.desc, &info);
    if (info != 0) JUDD_FAIL(JUDD_E_INTERNAL, "pdpotrs: argument %d", -info);
done:
    return status;
}

judd_status judd_scalapack_log_determinant(double *out, judd_block_cyclic *a) {
    judd_status status = JUDD_OK;
    double *pivot = NULL;
    int info = 0;
    JUDD_TRY(check_part(judd_scalapack_whole(a), a->rows, a->rows, a));
    JUDD_TRY(judd_comm_agree(a->grid->comm, judd_memory_alloc(&pivot, a->rows, sizeof *pivot)));
    arguments x = of(judd_scalapack_whole(a));
    pdpotrf_("L", &x.n, x.a, &x.i, &x.j, x.desc, &info);
    if (info != 0)
        JUDD_FAIL(info < 0 ? JUDD_E_INTERNAL : JUDD_E_DEGENERATE,
                  "matrix of order %lld is not positive definite: row %d", (long long)a->rows,
                  info - 1);
    JUDD_TRY(judd_block_cyclic_diagonal(pivot, a));
    *out = 0.0;
    for (int64_t i = 0; i < a->rows; i++) *out += 2.0 * log(pivot[i]);
done:
    free(pivot);
    return status;
}

judd_status judd_scalapack_eigen(double *values, judd_block_cyclic *vectors, judd_block_cyclic *a) {
    judd_status status = JUDD_OK;
    double *work = NULL, most = 0.0;
    int *iwork = NULL, lwork = -1, liwork = -1, n_iwork = 0, info = 0;
    JUDD_TRY(check_part(judd_scalapack_whole(a), a->rows, a->rows, a));
    JUDD_TRY(check_part(judd_scalapack_whole(vectors), a->rows, a->rows, a));
    arguments x = of(judd_scalapack_whole(a)), z = of(judd_scalapack_whole(vectors));
    pdsyevd_("V", "L", &x.n, x.a, &x.i, &x.j, x.desc, values, z.a, &z.i, &z.j, z.desc, &most,
             &lwork, &n_iwork, &liwork, &info);
    /* The query forgets what PDORMTR asks for when the order is small (ScaLAPACK 2.2.1): its need
     * is max(NB (NB - 1) / 2, (NP + NQ) NB) + NB^2 beyond the vectors kept in front. */
    most += 3.0 * (double)a->rows +
            (double)(a->block * (a->local_rows + a->local_columns + 2 * a->block));
    if (info == 0 && !(most < (double)INT32_MAX))
        status = judd_status_set(JUDD_E_USAGE,
                                 "eigenvalues of order %lld need more work space on a rank than "
                                 "ScaLAPACK can count; use more ranks",
                                 (long long)a->rows);
    lwork = status == JUDD_OK ? (int)most : 0;
    liwork = n_iwork;
    if (status == JUDD_OK) status = judd_memory_alloc(&work, lwork, sizeof *work);
    if (status == JUDD_OK) status = judd_memory_alloc(&iwork, liwork, sizeof *iwork);
    JUDD_TRY(judd_comm_agree(a->grid->comm, status));
    pdsyevd_("V", "L", &x.n, x.a, &x.i, &x.j, x.desc, values, z.a, &z.i, &z.j, z.desc, work, &lwork,
             iwork, &liwork, &info);
    if (info != 0)
        status = judd_status_set(JUDD_E_INTERNAL,
                                 "pdsyevd: %d: the eigenvalues of a matrix of order %lld did not "
                                 "converge; look for values that are not finite",
                                 info, (long long)a->rows);
    status = judd_comm_agree(a->grid->comm, status);
done:
    free(work);
    free(iwork);
    return status;
}
