/** Where features are taken: the rules stand at judd_graph_load. */
#ifndef JUDD_SRC_ONNX_TAP_H
#define JUDD_SRC_ONNX_TAP_H

#include "onnx/pass.h"

/** Sets graph->output to the tapped value. Needs names and topological order, no shapes. */
judd_status judd_tap_resolve(judd_pass *pass);

#endif
