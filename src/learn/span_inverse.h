/** The inverse of the Hessian of one linear head, put right on the span of the head's own weights.
 *
 *  Along its weights a loss saturates: there its curvature is a fraction of what it is in the rest
 *  of the space, where a diagonal or the features' moments describe it well. Let M be such a first
 *  Hessian, the same for all outputs, B an orthonormal basis of the rows of the weights, with a
 * last vector for the biases, T = I (x) B for all outputs and A = T' H T the true Hessian there (or
 * that of some samples). Then inverse = M^-1 + T (A^-1 - (T' M T)^-1) T' is A^-1 on the span and
 * M^-1 on what is M-orthogonal to it, and positive definite: a two-level preconditioner.
 */
#ifndef JUDD_SRC_LEARN_SPAN_INVERSE_H
#define JUDD_SRC_LEARN_SPAN_INVERSE_H

#include <judd/base/status.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct judd_span_inverse {
    int n_outputs;
    int64_t dim;
    bool invariant; /* the same added to all outputs changes no loss, as in a softmax */
    int n;          /* vectors of the basis, the one for biases included; 0: nothing is put right */
    double *basis;  /* [n - 1, dim] */
    double
        *bent; /* [n, dim + 1]: M (vector, 0) and, the last one, M (0, 1): the caller's to fill */
    double *inner;       /* [n_outputs n, n_outputs n]: A, factored */
    double *plain;       /* [n, n]: B' M B, factored */
    double *to_base;     /* [n, n_outputs + 1]: from outputs less biases, and 1, to the basis */
    double *part, *rest; /* [n_outputs n] */
} judd_span_inverse;

/** Numbers of float64 that it keeps. Local. */
int64_t judd_span_inverse_size(int n_outputs, int64_t dim);
judd_status judd_span_inverse_create(judd_span_inverse *out, int n_outputs, int64_t dim,
                                     bool invariant);
void judd_span_inverse_free(judd_span_inverse *s);

/** A basis of the span of these weights [n_outputs, dim]. Local. */
void judd_span_inverse_begin(judd_span_inverse *s, const double *weights);
/** From judd_objective_point.span, l2 and `bent`. Where a matrix is not positive definite, nothing
 * is put right. Local. */
void judd_span_inverse_end(judd_span_inverse *s, const double *span, double l2);
/** y += T (A^-1 - (T' M T)^-1) T' x; both: [n_outputs, dim] weights, [n_outputs] biases. Of an
 * invariant loss, whose A is singular there, what x has in common over the outputs stays out of it.
 * Local. */
void judd_span_inverse_add(judd_span_inverse *s, double *y, const double *x);

#endif
