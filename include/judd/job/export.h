/** A finished trial's head as an ONNX model of its own. */
#ifndef JUDD_JOB_EXPORT_H
#define JUDD_JOB_EXPORT_H

#include <judd/job/predictor.h>

/** Writes preprocessing, backbone and head, or (head_only) the head on features alone, to `path`.
 *
 *  Input "image" [batch, channels, height, width]: numbers 0 .. 255 of the picture in its own order
 * of channels (RGB), resized and cropped as the metadata "preprocessing" says; or "features"
 * [batch, dim]. Outputs "score" [batch, outputs] and, where the kind of head has them,
 * "probability". Metadata: class_names (a JSON list), preprocessing, kind, job, trial and
 * head_sha256.
 *
 *  JUDD_E_DATA for a backbone with random weights, or if no model file of the job is the one that
 *  made the features. Local: rank 0. */
judd_status judd_export_write(const judd_predictor *predictor, const char *path, bool head_only);

#endif
