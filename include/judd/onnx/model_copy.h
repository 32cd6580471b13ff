/** What was read of model files, in a temporary file on the node's own disk ($TMPDIR): a job reads
 *  each model once to know it, and every network that it makes of it afterwards comes from here. */
#ifndef JUDD_ONNX_MODEL_COPY_H
#define JUDD_ONNX_MODEL_COPY_H

#include <judd/base/status.h>

typedef struct judd_model_copy judd_model_copy;

/** Empty. Local. */
judd_status judd_model_copy_create(judd_model_copy **out);
/** The space is given back; NULL is allowed. */
void judd_model_copy_destroy(judd_model_copy *copy);

#endif
