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
    int flags;
} judd_operator;

enum {
    JUDD_OPERATOR_ON_DIMS = 1, /* fold needs the dims of its inputs only: Shape */
    JUDD_OPERATOR_OUTPUTS = 2  /* more outputs than the first may be used: Split */
};

/** The row of an operator in this opset, or NULL. */
const judd_operator *judd_operators_find(const char *op, int64_t opset);

/** All rows, by name. */
int judd_operators_count(void);
const judd_operator *judd_operators_row(int index);

#endif
