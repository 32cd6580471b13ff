/** A map from names to numbers (tensors to their indices). */
#ifndef JUDD_SRC_ONNX_NAMES_H
#define JUDD_SRC_ONNX_NAMES_H

#include <judd/base/status.h>

typedef struct judd_names judd_names;

/** Room for `capacity` names; they are borrowed and must outlive the map. */
judd_status judd_names_create(judd_names **out, int capacity);
void judd_names_destroy(judd_names *names);

/** The number of a name, or -1. */
int judd_names_find(const judd_names *names, const char *name);

/** Enters a name that is not there yet. */
void judd_names_add(judd_names *names, const char *name, int number);

#endif
