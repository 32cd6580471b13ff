#include "onnx/operators.h"

#include "onnx/fold.h"
#include "onnx/shapes.h"
#include "onnx/windows.h"

#include <string.h>

enum { FIRST = JUDD_OPSET_FIRST, LAST = JUDD_OPSET_LAST };

/* Definitions: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
static const judd_operator table[] = {
    {"Add", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, false},
    {"AveragePool", FIRST, LAST, 1, 1, judd_windows_average_pool, NULL, false},
    {"BatchNormalization", FIRST, LAST, 5, 5, judd_shapes_batch_norm, NULL, false},
    {"Cast", FIRST, LAST, 1, 1, judd_shapes_cast, judd_fold_cast, false},
    {"Ceil", FIRST, LAST, 1, 1, NULL, judd_fold_unary, false},
    {"Clip", FIRST, LAST, 1, 3, judd_shapes_clip, NULL, false},
    {"Concat", FIRST, LAST, 1, -1, judd_shapes_concat, judd_fold_concat, false},
    {"Constant", FIRST, LAST, 0, 0, NULL, judd_fold_constant, false},
    {"ConstantOfShape", 9, LAST, 1, 1, NULL, judd_fold_constant_of_shape, false},
    {"Conv", FIRST, LAST, 2, 3, judd_windows_conv, NULL, false},
    {"Div", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, false},
    {"Dropout", FIRST, LAST, 1, 3, judd_shapes_dropout, judd_fold_copy, false},
    {"Expand", 8, LAST, 2, 2, NULL, judd_fold_expand, false},
    {"Flatten", FIRST, LAST, 1, 1, judd_shapes_flatten, judd_fold_reshaped, false},
    {"Floor", FIRST, LAST, 1, 1, NULL, judd_fold_unary, false},
    {"Gather", FIRST, LAST, 2, 2, NULL, judd_fold_gather, false},
    {"Gemm", FIRST, LAST, 2, 3, judd_shapes_gemm, NULL, false},
    {"GlobalAveragePool", FIRST, LAST, 1, 1, judd_windows_global_pool, NULL, false},
    {"GlobalMaxPool", FIRST, LAST, 1, 1, judd_windows_global_pool, NULL, false},
    {"HardSigmoid", FIRST, LAST, 1, 1, judd_shapes_hard_sigmoid, NULL, false},
    {"HardSwish", 14, LAST, 1, 1, judd_shapes_same, NULL, false},
    {"Identity", FIRST, LAST, 1, 1, judd_shapes_identity, judd_fold_copy, false},
    {"LRN", FIRST, LAST, 1, 1, judd_shapes_lrn, NULL, false},
    {"LeakyRelu", FIRST, LAST, 1, 1, judd_shapes_leaky_relu, NULL, false},
    {"LogSoftmax", FIRST, LAST, 1, 1, judd_shapes_softmax, NULL, false},
    {"MatMul", FIRST, LAST, 2, 2, judd_shapes_matmul, NULL, false},
    {"MaxPool", FIRST, LAST, 1, 1, judd_windows_max_pool, NULL, false},
    {"Mul", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, false},
    {"Neg", FIRST, LAST, 1, 1, NULL, judd_fold_unary, false},
    {"Pad", FIRST, LAST, 1, 3, judd_shapes_pad, NULL, false},
    {"ReduceMean", FIRST, LAST, 1, 1, judd_shapes_reduce_mean, NULL, false},
    {"Relu", FIRST, LAST, 1, 1, judd_shapes_same, NULL, false},
    {"Reshape", FIRST, LAST, 2, 2, judd_shapes_reshape, judd_fold_reshaped, false},
    {"Shape", FIRST, LAST, 1, 1, NULL, judd_fold_shape, true},
    {"Sigmoid", FIRST, LAST, 1, 1, judd_shapes_same, NULL, false},
    {"Slice", FIRST, LAST, 1, 5, judd_shapes_slice, judd_fold_slice, false},
    {"Softmax", FIRST, LAST, 1, 1, judd_shapes_softmax, NULL, false},
    {"Sqrt", FIRST, LAST, 1, 1, NULL, judd_fold_unary, false},
    {"Squeeze", FIRST, LAST, 1, 2, judd_shapes_squeeze, judd_fold_reshaped, false},
    {"Sub", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, false},
    {"Transpose", FIRST, LAST, 1, 1, judd_shapes_transpose, judd_fold_transpose, false},
    {"Unsqueeze", FIRST, LAST, 1, 2, judd_shapes_unsqueeze, judd_fold_reshaped, false},
};

const judd_operator *judd_operators_find(const char *op, int64_t opset) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op) == 0 && opset >= table[i].since && opset <= table[i].until)
            return &table[i];
    return NULL;
}
