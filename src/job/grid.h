/** The grid of a head: the axes its kind has, each a list of values in the job file. Points are
 *  numbered row by row, the last axis fastest. All local. */
#ifndef JUDD_SRC_JOB_GRID_H
#define JUDD_SRC_JOB_GRID_H

#include "job/head.h"

/** Points; 1 without axes. */
int64_t judd_grid_size(const judd_head_ops *ops, const judd_job_head *config);

/** The configuration with this point alone for a grid. Its lists are borrowed from config. */
judd_job_head judd_grid_point(const judd_head_ops *ops, const judd_job_head *config, int64_t point);

/** Values of a point on the axes that have more than one: {"l2": 0.01}. */
json_t *judd_grid_values(const judd_head_ops *ops, const judd_job_head *config, int64_t point);

/** Points next to `point`, by value, on one axis each, below before above. Returns their number. */
enum { JUDD_GRID_NEIGHBOURS = 2 * JUDD_HEAD_AXES };
int judd_grid_neighbours(int64_t neighbours[JUDD_GRID_NEIGHBOURS], const judd_head_ops *ops,
                         const judd_job_head *config, int64_t point);

/** ["l2 lowest"]: the axes with more than one value at whose end the point lies, so that a better
 *  one may lie beyond; not where an axis has no beyond (l2 = 0, k = 1). */
json_t *judd_grid_edges(const judd_head_ops *ops, const judd_job_head *config, int64_t point);

#endif
