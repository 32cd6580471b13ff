#include "onnx/operators.h"

#include "onnx/fold.h"
#include "onnx/fold_index.h"
#include "onnx/moves.h"
#include "onnx/shapes.h"
#include "onnx/windows.h"

#include <string.h>

enum { FIRST = JUDD_OPSET_FIRST, LAST = JUDD_OPSET_LAST };

/* Definitions: https://github.com/onnx/onnx/blob/main/docs/Operators.md */
enum { ON_DIMS = JUDD_OPERATOR_ON_DIMS, OUTPUTS = JUDD_OPERATOR_OUTPUTS };

static const judd_operator table[] = {
    {"Abs", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Add", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, 0},
    {"And", 7, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"AveragePool", FIRST, LAST, 1, 1, judd_windows_average_pool, NULL, 0},
    {"BatchNormalization", FIRST, LAST, 5, 5, judd_shapes_batch_norm, NULL, 0},
    {"Cast", FIRST, LAST, 1, 1, judd_shapes_cast, judd_fold_cast, 0},
    {"Ceil", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Celu", 12, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Clip", FIRST, LAST, 1, 3, judd_shapes_clip, NULL, 0},
    {"Concat", FIRST, LAST, 1, -1, judd_shapes_concat, judd_fold_concat, 0},
    {"Constant", FIRST, LAST, 0, 0, NULL, judd_fold_constant, 0},
    {"ConstantOfShape", 9, LAST, 1, 1, NULL, judd_fold_constant_of_shape, 0},
    {"Conv", FIRST, LAST, 2, 3, judd_windows_conv, NULL, 0},
    {"DepthToSpace", FIRST, LAST, 1, 1, judd_moves_depth_to_space, NULL, 0},
    {"Div", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, 0},
    {"Dropout", FIRST, LAST, 1, 3, judd_shapes_dropout, judd_fold_dropout, 0},
    {"Elu", FIRST, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Equal", 7, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"Erf", 9, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Exp", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Expand", 8, LAST, 2, 2, judd_moves_expand, judd_fold_expand, 0},
    {"Flatten", FIRST, LAST, 1, 1, judd_shapes_flatten, judd_fold_reshaped, 0},
    {"Floor", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Gather", FIRST, LAST, 2, 2, judd_moves_gather, judd_fold_gather, 0},
    {"Gemm", FIRST, LAST, 2, 3, judd_shapes_gemm, NULL, 0},
    {"GlobalAveragePool", FIRST, LAST, 1, 1, judd_windows_global_pool, NULL, 0},
    {"GlobalMaxPool", FIRST, LAST, 1, 1, judd_windows_global_pool, NULL, 0},
    {"Greater", 7, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"GreaterOrEqual", 12, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"HardSigmoid", FIRST, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"HardSwish", 14, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Identity", FIRST, LAST, 1, 1, judd_shapes_identity, judd_fold_copy, 0},
    {"InstanceNormalization", FIRST, LAST, 3, 3, judd_shapes_instance_norm, NULL, 0},
    {"LRN", FIRST, LAST, 1, 1, judd_shapes_lrn, NULL, 0},
    {"LayerNormalization", 17, LAST, 2, 3, judd_shapes_layer_norm, NULL, 0},
    {"LeakyRelu", FIRST, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Less", 7, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"LessOrEqual", 12, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"Log", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"LogSoftmax", FIRST, LAST, 1, 1, judd_shapes_softmax, NULL, 0},
    {"MatMul", FIRST, LAST, 2, 2, judd_shapes_matmul, NULL, 0},
    {"Max", FIRST, LAST, 1, -1, judd_shapes_variadic, judd_fold_arithmetic, 0},
    {"MaxPool", FIRST, LAST, 1, 1, judd_windows_max_pool, NULL, 0},
    {"Min", FIRST, LAST, 1, -1, judd_shapes_variadic, judd_fold_arithmetic, 0},
    {"Mod", 10, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"Mul", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, 0},
    {"Neg", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Not", FIRST, LAST, 1, 1, NULL, judd_fold_index_not, 0},
    {"Or", 7, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
    {"PRelu", FIRST, LAST, 2, 2, judd_shapes_prelu, NULL, 0},
    {"Pad", FIRST, LAST, 1, 3, judd_moves_pad, NULL, 0},
    {"Pow", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, 0},
    {"Range", 11, LAST, 3, 3, NULL, judd_fold_index_range, 0},
    {"Reciprocal", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"ReduceL1", FIRST, LAST, 1, 1, judd_shapes_reduce, NULL, 0},
    {"ReduceL2", FIRST, LAST, 1, 1, judd_shapes_reduce, NULL, 0},
    {"ReduceLogSum", FIRST, LAST, 1, 1, judd_shapes_reduce, NULL, 0},
    {"ReduceLogSumExp", FIRST, LAST, 1, 1, judd_shapes_reduce, NULL, 0},
    {"ReduceMax", FIRST, LAST, 1, 1, judd_shapes_reduce, judd_fold_index_reduce, 0},
    {"ReduceMean", FIRST, LAST, 1, 1, judd_shapes_reduce, NULL, 0},
    {"ReduceMin", FIRST, LAST, 1, 1, judd_shapes_reduce, judd_fold_index_reduce, 0},
    {"ReduceProd", FIRST, LAST, 1, 1, judd_shapes_reduce, judd_fold_index_reduce, 0},
    {"ReduceSum", FIRST, LAST, 1, 2, judd_shapes_reduce, judd_fold_index_reduce, 0},
    {"ReduceSumSquare", FIRST, LAST, 1, 1, judd_shapes_reduce, NULL, 0},
    {"Relu", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Reshape", FIRST, LAST, 2, 2, judd_shapes_reshape, judd_fold_reshaped, 0},
    {"Round", 11, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"ScatterND", 11, LAST, 3, 3, NULL, judd_fold_index_scatter_nd, 0},
    {"Selu", FIRST, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Shape", FIRST, LAST, 1, 1, NULL, judd_fold_shape, ON_DIMS},
    {"Shrink", 9, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Sigmoid", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Sign", 9, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Size", FIRST, LAST, 1, 1, NULL, judd_fold_index_size, ON_DIMS},
    {"Slice", FIRST, LAST, 1, 5, judd_moves_slice, judd_fold_slice, 0},
    {"Softmax", FIRST, LAST, 1, 1, judd_shapes_softmax, NULL, 0},
    {"Softplus", FIRST, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Softsign", FIRST, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"SpaceToDepth", FIRST, LAST, 1, 1, judd_moves_space_to_depth, NULL, 0},
    {"Split", FIRST, LAST, 1, 2, judd_moves_split, judd_fold_index_split, OUTPUTS},
    {"Sqrt", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"Squeeze", FIRST, LAST, 1, 2, judd_shapes_squeeze, judd_fold_reshaped, 0},
    {"Sub", FIRST, LAST, 2, 2, judd_shapes_broadcast, judd_fold_arithmetic, 0},
    {"Sum", FIRST, LAST, 1, -1, judd_shapes_variadic, judd_fold_arithmetic, 0},
    {"Tanh", FIRST, LAST, 1, 1, judd_shapes_unary, judd_fold_unary, 0},
    {"ThresholdedRelu", 10, LAST, 1, 1, judd_shapes_unary, NULL, 0},
    {"Tile", FIRST, LAST, 2, 2, judd_moves_tile, judd_fold_index_tile, 0},
    {"Transpose", FIRST, LAST, 1, 1, judd_shapes_transpose, judd_fold_transpose, 0},
    {"Unsqueeze", FIRST, LAST, 1, 2, judd_shapes_unsqueeze, judd_fold_reshaped, 0},
    {"Where", 9, LAST, 3, 3, judd_shapes_where, judd_fold_index_where, 0},
    {"Xor", 7, LAST, 2, 2, NULL, judd_fold_arithmetic, 0},
};

const judd_operator *judd_operators_find(const char *op, int64_t opset) {
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].op, op) == 0 && opset >= table[i].since && opset <= table[i].until)
            return &table[i];
    return NULL;
}

int judd_operators_count(void) {
    return (int)(sizeof table / sizeof *table);
}

const judd_operator *judd_operators_row(int index) {
    return &table[index];
}
