/** The table of claimed operators. To add one: a row in operators.c and the function it names. */
#ifndef JUDD_SRC_ONNX_OPERATORS_H
#define JUDD_SRC_ONNX_OPERATORS_H

#include "onnx/pass.h"

/** Checks a node with a computed input, sets type and dims of its output and normalises the node
 *  (see judd_graph_node). All inputs have dims. */
typedef judd_status (*judd_operator_infer)(judd_pass *pass, judd_graph_node *node);

/** Evaluates a node whose inputs are all constants: sets type, dims and data of its output. */
typedef judd_status (*judd_operator_fold)(judd_pass *pass, judd_graph_node *node);

typedef struct judd_operator {
    const char *op;
    int since, until;           /* opsets whose definition the functions follow */
    int min_inputs, max_inputs; /* -1: any number */
    judd_operator_infer infer;  /* NULL: on constants only */
    judd_operator_fold fold;    /* NULL: on computed values only */
    bool folds_on_dims;         /* fold needs the dims of its inputs only: Shape */
} judd_operator;

/** The row of an operator in this opset, or NULL. */
const judd_operator *judd_operators_find(const char *op, int64_t opset);

#endif
