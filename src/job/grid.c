#include "job/grid.h"

#include <math.h>
#include <stdio.h>

/* The axes of a kind and, for one point, where on each of them it lies. */
typedef struct place {
    int n;
    judd_head_axis axes[JUDD_HEAD_AXES];
    int64_t length[JUDD_HEAD_AXES], at[JUDD_HEAD_AXES], stride[JUDD_HEAD_AXES];
} place;

static const void *list_of(const judd_job_head *config, const judd_head_axis *axis) {
    return (const char *)config + axis->offset;
}

static int64_t length_of(const judd_job_head *config, const judd_head_axis *axis) {
    return axis->integers ? ((const judd_job_integers *)list_of(config, axis))->n
                          : ((const judd_job_numbers *)list_of(config, axis))->n;
}

static double value_of(const judd_job_head *config, const judd_head_axis *axis, int64_t i) {
    return axis->integers ? (double)((const judd_job_integers *)list_of(config, axis))->values[i]
                          : ((const judd_job_numbers *)list_of(config, axis))->values[i];
}

static place place_of(const judd_head_ops *ops, const judd_job_head *config, int64_t point) {
    place p = {0};
    int64_t stride = 1;
    p.n = ops->axes ? ops->axes(p.axes, config) : 0;
    for (int a = p.n - 1; a >= 0; a--) {
        p.length[a] = length_of(config, &p.axes[a]);
        p.at[a] = point / stride % p.length[a];
        p.stride[a] = stride;
        stride *= p.length[a];
    }
    return p;
}

int64_t judd_grid_size(const judd_head_ops *ops, const judd_job_head *config) {
    place p = place_of(ops, config, 0);
    return p.n > 0 ? p.stride[0] * p.length[0] : 1;
}

judd_job_head judd_grid_point(const judd_head_ops *ops, const judd_job_head *config,
                              int64_t point) {
    judd_job_head one = *config;
    place p = place_of(ops, config, point);
    for (int a = 0; a < p.n; a++) {
        void *list = (char *)&one + p.axes[a].offset;
        if (p.axes[a].integers) {
            judd_job_integers *integers = list;
            *integers = (judd_job_integers){1, integers->values + p.at[a]};
        } else {
            judd_job_numbers *numbers = list;
            *numbers = (judd_job_numbers){1, numbers->values + p.at[a]};
        }
    }
    return one;
}

json_t *judd_grid_values(const judd_head_ops *ops, const judd_job_head *config, int64_t point) {
    json_t *values = json_object();
    place p = place_of(ops, config, point);
    for (int a = 0; a < p.n; a++) {
        double value = value_of(config, &p.axes[a], p.at[a]);
        if (p.length[a] > 1)
            json_object_set_new(values, p.axes[a].name,
                                p.axes[a].integers ? json_integer((json_int_t)value)
                                                   : json_real(value));
    }
    return values;
}

/* Index of the next value below (side -1) or above (side 1) that of index `at`; -1: there is none.
 */
static int64_t next_value(const judd_job_head *config, const judd_head_axis *axis, int64_t at,
                          int side) {
    int64_t next = -1;
    double here = value_of(config, axis, at), there = 0.0;
    for (int64_t i = 0; i < length_of(config, axis); i++) {
        double value = value_of(config, axis, i), away = side * (value - here);
        if (!(away > 0.0) || (next >= 0 && away >= side * (there - here))) continue;
        next = i;
        there = value;
    }
    return next;
}

int judd_grid_neighbours(int64_t neighbours[JUDD_GRID_NEIGHBOURS], const judd_head_ops *ops,
                         const judd_job_head *config, int64_t point) {
    int n = 0;
    place p = place_of(ops, config, point);
    for (int a = 0; a < p.n; a++)
        for (int side = -1; side <= 1; side += 2) {
            int64_t next = next_value(config, &p.axes[a], p.at[a], side);
            if (next >= 0) neighbours[n++] = point + (next - p.at[a]) * p.stride[a];
        }
    return n;
}

json_t *judd_grid_edges(const judd_head_ops *ops, const judd_job_head *config, int64_t point) {
    json_t *edges = json_array();
    place p = place_of(ops, config, point);
    for (int a = 0; a < p.n; a++)
        for (int side = -1; side <= 1; side += 2) {
            const judd_head_axis *axis = &p.axes[a];
            char text[64];
            if (p.length[a] < 2 || next_value(config, axis, p.at[a], side) >= 0) continue;
            if (side < 0 && value_of(config, axis, p.at[a]) <= axis->floor) continue;
            snprintf(text, sizeof text, "%s %s", axis->name, side < 0 ? "lowest" : "highest");
            json_array_append_new(edges, json_string(text));
        }
    return edges;
}
