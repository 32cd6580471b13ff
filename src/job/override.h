/** Changes from the command line: "path.to.key=value". */
#ifndef JUDD_SRC_JOB_OVERRIDE_H
#define JUDD_SRC_JOB_OVERRIDE_H

#include "job/source.h"

/** Put the value of `change`, opened from `assignment`, into the tree of `source`. A path follows
 * the option tables; an element of a list goes by its name or its number ("0" or "[0]"). Missing
 * groups on the way are made. `change` must outlive `source`'s tree: settings point to it for their
 * place. JUDD_E_CONFIG. */
judd_status judd_override_apply(judd_source *source, judd_source *change, const char *assignment);

#endif
