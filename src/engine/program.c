#include "engine/program.h"

#include <judd/base/clock.h>

#include "engine/flop.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum place_kind { IN_ARENA, IS_INPUT, IS_OUTPUT, IS_CONSTANT } place_kind;

typedef struct buffer {
    place_kind kind;
    int64_t bytes, offset; /* in the arena; multiples of 64 */
    int first, last;       /* actions that write first and read last */
    float *constant;       /* owned; NULL in a hollow net */
} buffer;

typedef struct action {
    const judd_kernel_ops *ops;
    void *state;
    char *name;
    int n_in, *in, out; /* buffers */
    int residual;       /* buffer whose contents `out` must have on entry, or -1 */
    const float **pointers;
    double flop, seconds; /* of the last run */
} action;

struct judd_program {
    const judd_net *net; /* while planning */
    judd_onednn *onednn;
    int (*places)[JUDD_LAYOUTS]; /* [value][layout]: buffer or -1; while planning */
    int n_buffers, n_actions, cap_buffers, cap_actions;
    buffer *buffers;
    action *actions;
    float **base;         /* [n_buffers] where each buffer is */
    int n_inputs, output; /* inputs are the first buffers */
    int64_t arena_bytes;
    void *arena;
};

static judd_status grow_array(void *array, int count, int *capacity, size_t size) {
    if (count < *capacity) return JUDD_OK;
    int larger = *capacity ? 2 * *capacity : 64;
    void *moved = realloc(*(void **)array, (size_t)larger * size);
    if (!moved)
        return judd_status_set(JUDD_E_INTERNAL, "no memory for a program of %d steps", larger);
    *(void **)array = moved;
    *capacity = larger;
    return JUDD_OK;
}

static judd_status add_buffer(judd_program *p, int *index, place_kind kind, int64_t bytes) {
    judd_status status = grow_array(&p->buffers, p->n_buffers, &p->cap_buffers, sizeof(buffer));
    if (status != JUDD_OK) return status;
    *index = p->n_buffers++;
    p->buffers[*index] = (buffer){.kind = kind, .bytes = bytes, .first = -1, .last = -1};
    return JUDD_OK;
}

/* The action owns `state` from here on, also when this fails. */
static judd_status add_action(judd_program *p, const judd_kernel_ops *ops, void *state,
                              const char *name, int n_in, const int *in, int out, int residual) {
    judd_status status = JUDD_OK;
    status = grow_array(&p->actions, p->n_actions, &p->cap_actions, sizeof(action));
    if (status != JUDD_OK) {
        ops->destroy(state);
        return status;
    }
    action *a = &p->actions[p->n_actions++];
    *a = (action){.ops = ops, .state = state, .n_in = n_in, .out = out, .residual = residual};
    JUDD_TRY(judd_memory_string(&a->name, name));
    JUDD_TRY(judd_memory_alloc(&a->in, n_in, sizeof *a->in));
    JUDD_TRY(judd_memory_alloc(&a->pointers, n_in, sizeof *a->pointers));
    memcpy(a->in, in, (size_t)n_in * sizeof *in);
done:
    return status;
}

/* ---- layouts ----------------------------------------------------------------------------------
 */

static judd_operand operand_of(const judd_program *p, int value, judd_layout layout) {
    const judd_net_value *v = &p->net->values[value];
    judd_operand o = {.rank = v->rank};
    memcpy(o.dims, v->dims, sizeof o.dims);
    if (layout == JUDD_BLOCKED && p->net->block && v->rank == 4 && !v->data) {
        o.layout = JUDD_BLOCKED;
        o.block = p->net->block;
    }
    if (judd_layout_is_bf16(layout)) o.layout = layout;
    return o;
}

static judd_status constant_buffer(judd_program *p, int value, int *index) {
    judd_status status = JUDD_OK;
    judd_operand o = operand_of(p, value, JUDD_PLAIN);
    float *copy = NULL;
    JUDD_TRY(add_buffer(p, index, IS_CONSTANT, judd_net_bytes(&o)));
    if (p->net->hollow) goto done;
    JUDD_TRY(judd_memory_alloc(&copy, judd_net_bytes(&o), 1));
    memcpy(copy, p->net->values[value].data, (size_t)judd_net_bytes(&o));
    p->buffers[*index].constant = copy;
done:
    return status;
}

/* One pixel and whole blocks: both layouts are the same bytes. */
static bool layouts_agree(const judd_operand *a, const judd_operand *b) {
    if (judd_layout_is_bf16(a->layout) || judd_layout_is_bf16(b->layout)) return false;
    int block = a->layout == JUDD_BLOCKED ? a->block : b->block;
    return a->dims[2] * a->dims[3] == 1 && a->dims[1] % block == 0;
}

/* The buffer of a value in a layout; reorders it there if it is only in others, the most exact of
 * which are the first. */
static judd_status place_of(judd_program *p, int value, judd_layout layout, int *index) {
    judd_status status = JUDD_OK;
    int *places = p->places[value];
    const judd_net_value *v = &p->net->values[value];
    judd_layout other = JUDD_PLAIN;
    if (places[layout] < 0 && v->data) JUDD_TRY(constant_buffer(p, value, &places[JUDD_PLAIN]));
    while (other < JUDD_LAYOUTS && places[other] < 0) other++;
    if (other == JUDD_LAYOUTS)
        JUDD_FAIL(JUDD_E_DATA, "value %s is used before it is computed; sort the nodes", v->name);
    if (places[layout] < 0) {
        void *state = NULL;
        judd_operand from = operand_of(p, value, other), to = operand_of(p, value, layout);
        if (layouts_agree(&from, &to)) {
            places[layout] = places[other];
        } else {
            judd_kernel_binding b = {.net = p->net, .onednn = p->onednn, .in = &from, .out = to};
            JUDD_TRY(add_buffer(p, &places[layout], IN_ARENA, judd_net_bytes(&to)));
            JUDD_TRY(judd_kernel_reorder.create(&state, &b));
            JUDD_TRY(add_action(p, &judd_kernel_reorder, state, v->name, 1, &places[other],
                                places[layout], -1));
        }
    }
    *index = places[layout];
done:
    return status;
}

/* ---- from steps to actions --------------------------------------------------------------------
 */

static judd_status plan_alias(judd_program *p, const judd_step *step) {
    judd_status status = JUDD_OK;
    const judd_net_value *x = judd_net_input(p->net, step, 0), *y = judd_net_output(p->net, step);
    int buffer_index = -1;
    if (judd_net_elements(x->rank, x->dims) != judd_net_elements(y->rank, y->dims))
        JUDD_FAIL(JUDD_E_DATA, "node %s (%s): the new shape has another number of elements",
                  step->name, step->op);
    JUDD_TRY(place_of(p, step->inputs[0], JUDD_PLAIN, &buffer_index));
    p->places[step->output][JUDD_PLAIN] = buffer_index;
done:
    return status;
}

/* Is the first operand of a step there in a layout already? */
static bool arrives_in(const judd_program *p, const judd_step *step, judd_layout layout) {
    return step->n_operands > 0 && p->places[step->inputs[0]][layout] >= 0;
}

/* What a kernel reads and writes as it is called. */
static judd_layout layout_of(const judd_program *p, const judd_kernel_ops *ops,
                             const judd_step *step) {
    bool blocked = arrives_in(p, step, JUDD_BLOCKED), bf16 = arrives_in(p, step, JUDD_BF16_PIXELS);
    if (ops->any_precision && bf16) return JUDD_BF16_PIXELS;
    if (ops->layout == JUDD_EITHER) return blocked || bf16 ? JUDD_BLOCKED : JUDD_PLAIN;
    return ops->layout;
}

/* Layouts and buffers of the operands of a step; `in` has n_operands places. */
static judd_status plan_operands(judd_program *p, const judd_kernel_ops *ops,
                                 judd_kernel_binding *binding, judd_operand *in, int *buffers) {
    judd_status status = JUDD_OK;
    const judd_step *step = binding->step;
    judd_layout layout = layout_of(p, ops, step);
    for (int i = 0; i < step->n_operands; i++)
        in[i] = operand_of(p, step->inputs[i], ops->rounds ? JUDD_BF16_PLAIN : layout);
    binding->in = in;
    binding->out = operand_of(p, step->output, layout);
    if (ops->takes_plain && in[0].layout == JUDD_BLOCKED && !arrives_in(p, step, JUDD_BLOCKED) &&
        ops->takes_plain(binding))
        in[0].layout = JUDD_PLAIN;
    for (int i = 0; i < step->n_operands; i++)
        JUDD_TRY(place_of(p, step->inputs[i], in[i].layout, &buffers[i]));
done:
    return status;
}

static judd_status plan_step(judd_program *p, const judd_step *step) {
    judd_status status = JUDD_OK;
    judd_operand *in = NULL;
    int *buffers = NULL, residual = -1, out = -1;
    void *state = NULL;
    const judd_kernel_ops *ops = judd_kernel_find(p->net, step, p->onednn != NULL);
    if (!ops)
        JUDD_FAIL(JUDD_E_DATA,
                  "node %s: operator %s cannot be executed in this form; tap a value "
                  "before it",
                  step->name, step->op);
    if (ops->aliases) {
        JUDD_TRY(plan_alias(p, step));
        goto done;
    }
    judd_kernel_binding binding = {.net = p->net, .step = step, .onednn = p->onednn};
    JUDD_TRY(judd_memory_alloc(&in, step->n_operands, sizeof *in));
    JUDD_TRY(judd_memory_alloc(&buffers, step->n_operands, sizeof *buffers));
    JUDD_TRY(plan_operands(p, ops, &binding, in, buffers));
    if (step->residual >= 0) JUDD_TRY(place_of(p, step->residual, binding.out.layout, &residual));
    JUDD_TRY(add_buffer(p, &out, IN_ARENA, judd_net_bytes(&binding.out)));
    p->places[step->output][binding.out.layout] = out;
    JUDD_TRY(
        judd_status_context(ops->create(&state, &binding), "node %s (%s)", step->name, step->op));
    JUDD_TRY(add_action(p, ops, state, step->name, step->n_operands, buffers, out, residual));
    p->actions[p->n_actions - 1].flop = judd_flop_count(p->net, step);
done:
    free(in);
    free(buffers);
    return status;
}

static judd_status plan_copy(judd_program *p, int from, int to, const char *name) {
    judd_status status = JUDD_OK;
    void *state = NULL;
    judd_operand bytes = {.rank = 1, .dims = {p->buffers[from].bytes / (int64_t)sizeof(float)}};
    judd_kernel_binding binding = {.net = p->net, .in = &bytes, .out = bytes};
    JUDD_TRY(judd_kernel_copy.create(&state, &binding));
    JUDD_TRY(add_action(p, &judd_kernel_copy, state, name, 1, &from, to, -1));
done:
    return status;
}

/* The output is written where the caller wants it; a copy only if it is the input or a constant. */
static judd_status plan_output(judd_program *p) {
    judd_status status = JUDD_OK;
    int at = -1;
    JUDD_TRY(place_of(p, p->net->output, JUDD_PLAIN, &at));
    if (p->buffers[at].kind != IN_ARENA) {
        int copy = -1;
        JUDD_TRY(add_buffer(p, &copy, IS_OUTPUT, p->buffers[at].bytes));
        JUDD_TRY(plan_copy(p, at, copy, p->net->values[p->net->output].name));
        at = copy;
    }
    p->buffers[at].kind = IS_OUTPUT;
    p->output = at;
done:
    return status;
}

/* ---- sums in place ----------------------------------------------------------------------------
 */

static bool read_by(const action *a, int b) {
    for (int i = 0; i < a->n_in; i++)
        if (a->in[i] == b) return true;
    return a->residual == b;
}

/* May action i overwrite its residual? Not if it or a later one still reads it. */
static bool may_overwrite(const judd_program *p, int i) {
    const action *a = &p->actions[i];
    if (p->buffers[a->residual].kind != IN_ARENA) return false;
    if (p->buffers[a->residual].bytes != p->buffers[a->out].bytes) return false;
    for (int k = 0; k < a->n_in; k++)
        if (a->in[k] == a->residual) return false;
    for (int k = i + 1; k < p->n_actions; k++)
        if (read_by(&p->actions[k], a->residual)) return false;
    return true;
}

static void rename_buffer(judd_program *p, int from, int to) {
    for (int i = 0; i < p->n_actions; i++) {
        action *a = &p->actions[i];
        for (int k = 0; k < a->n_in; k++)
            if (a->in[k] == from) a->in[k] = to;
        if (a->out == from) a->out = to;
        if (a->residual == from) a->residual = to;
    }
    if (p->output == from) p->output = to;
}

/* `out` must hold the residual on entry: it becomes the residual's buffer where that is dead
 * afterwards (nearly always), else the residual is copied. */
static judd_status place_sums(judd_program *p) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < p->n_actions; i++) {
        action *a = &p->actions[i];
        if (a->residual < 0) continue;
        if (p->buffers[a->out].kind == IN_ARENA && may_overwrite(p, i)) {
            rename_buffer(p, a->out, a->residual);
        } else {
            JUDD_TRY(plan_copy(p, a->residual, a->out, a->name));
            action copy = p->actions[p->n_actions - 1]; /* the array may have moved */
            memmove(p->actions + i + 1, p->actions + i,
                    (size_t)(p->n_actions - 1 - i) * sizeof copy);
            p->actions[i++] = copy;
        }
        p->actions[i].residual = -1;
    }
done:
    return status;
}

/* ---- memory -----------------------------------------------------------------------------------
 */

static void touch(buffer *b, int at) {
    if (b->first < 0) b->first = at;
    b->last = at;
}

static bool overlap(const buffer *a, const buffer *b) {
    return a->first <= b->last && b->first <= a->last;
}

static int by_size(const void *a, const void *b) {
    const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->first != y->first ? (x->first < y->first ? -1 : 1) : 0;
}

static int by_offset(const void *a, const void *b) {
    const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
    return x->offset != y->offset ? (x->offset < y->offset ? -1 : 1) : 0;
}

/* Best fit: the smallest gap between the placed buffers that live at the same time, or the end. */
static int64_t best_fit(const buffer *b, buffer **placed, int n) {
    int64_t end = 0, best = -1, best_gap = INT64_MAX;
    for (int i = 0; i < n; i++) {
        if (!overlap(b, placed[i])) continue;
        int64_t gap = placed[i]->offset - end;
        if (gap >= b->bytes && gap < best_gap) {
            best = end;
            best_gap = gap;
        }
        int64_t stop = placed[i]->offset + placed[i]->bytes;
        if (stop > end) end = stop;
    }
    return best >= 0 ? best : end;
}

/* Largest first, each to its best fit: "greedy by size", Pisarchyk & Lee 2020, "Efficient memory
 * management for deep neural net inference". */
static judd_status place_buffers(judd_program *p) {
    judd_status status = JUDD_OK;
    buffer **list = NULL;
    int n = 0;
    for (int i = 0; i < p->n_actions; i++) {
        for (int k = 0; k < p->actions[i].n_in; k++) touch(&p->buffers[p->actions[i].in[k]], i);
        touch(&p->buffers[p->actions[i].out], i);
    }
    JUDD_TRY(judd_memory_alloc(&list, p->n_buffers, sizeof(buffer *)));
    for (int i = 0; i < p->n_buffers; i++) {
        buffer *b = &p->buffers[i];
        if (b->kind != IN_ARENA || b->first < 0) continue;
        b->bytes = (b->bytes + 63) / 64 * 64;
        list[n++] = b;
    }
    qsort(list, (size_t)n, sizeof *list, by_size);
    for (int i = 0; i < n; i++) {
        list[i]->offset = best_fit(list[i], list, i);
        if (list[i]->offset + list[i]->bytes > p->arena_bytes)
            p->arena_bytes = list[i]->offset + list[i]->bytes;
        qsort(list, (size_t)i + 1, sizeof *list, by_offset);
    }
    JUDD_TRY(judd_memory_alloc(&p->arena, p->arena_bytes, 1));
    JUDD_TRY(judd_memory_alloc(&p->base, p->n_buffers, sizeof *p->base));
    for (int i = 0; i < p->n_buffers; i++) {
        const buffer *b = &p->buffers[i];
        p->base[i] = b->kind == IS_CONSTANT ? b->constant
                     : b->kind == IN_ARENA  ? (float *)((char *)p->arena + b->offset)
                                            : NULL;
    }
done:
    free(list);
    return status;
}

/* ---- the program
 * ---------------------------------------------------------------------------------
 */

judd_status judd_program_create(judd_program **out, const judd_net *net, judd_onednn *onednn) {
    judd_status status = JUDD_OK;
    judd_program *p = NULL;
    int input = -1;
    *out = NULL;
    JUDD_TRY(judd_memory_alloc(&p, 1, sizeof *p));
    p->net = net;
    p->onednn = onednn;
    JUDD_TRY(judd_memory_alloc(&p->places, net->n_values, sizeof *p->places));
    for (int i = 0; i < net->n_values; i++)
        for (int k = 0; k < JUDD_LAYOUTS; k++) p->places[i][k] = -1;
    for (int i = 0; i < net->n_inputs; i++) {
        judd_operand image = operand_of(p, net->inputs[i], JUDD_PLAIN);
        JUDD_TRY(add_buffer(p, &input, IS_INPUT, judd_net_bytes(&image)));
        p->places[net->inputs[i]][JUDD_PLAIN] = input;
    }
    p->n_inputs = net->n_inputs;
    for (int i = 0; i < net->n_steps; i++) JUDD_TRY(plan_step(p, &net->steps[i]));
    JUDD_TRY(plan_output(p));
    JUDD_TRY(place_sums(p));
    JUDD_TRY(place_buffers(p));
    free(p->places);
    p->places = NULL;
    p->net = NULL;
    *out = p;
    p = NULL;
done:
    judd_program_destroy(p);
    return status;
}

void judd_program_destroy(judd_program *p) {
    if (!p) return;
    for (int i = 0; i < p->n_actions; i++) {
        action *a = &p->actions[i];
        if (a->state) a->ops->destroy(a->state);
        free(a->name);
        free(a->in);
        free(a->pointers);
    }
    for (int i = 0; i < p->n_buffers; i++) free(p->buffers[i].constant);
    free(p->places);
    free(p->actions);
    free(p->buffers);
    free(p->base);
    free(p->arena);
    free(p);
}

void judd_program_constants(judd_program *p, judd_constant_visit *visit, void *data) {
    for (int i = 0; i < p->n_actions; i++)
        if (p->actions[i].ops->constants)
            p->actions[i].ops->constants(p->actions[i].state, visit, data);
    for (int i = 0; i < p->n_buffers; i++) {
        if (p->buffers[i].kind != IS_CONSTANT) continue;
        visit(data, &p->buffers[i].constant, p->buffers[i].bytes);
        p->base[i] = p->buffers[i].constant;
    }
}

judd_status judd_program_run(judd_program *p, const float *const *inputs, float *output) {
    judd_status status = JUDD_OK;
    for (int i = 0; i < p->n_inputs; i++) /* read only: kind IS_INPUT is never an `out` */
        p->base[i] = (float *)(uintptr_t)inputs[i];
    p->base[p->output] = output;
    double start = judd_clock_s(CLOCK_MONOTONIC);
    for (int i = 0; i < p->n_actions; i++) {
        action *a = &p->actions[i];
        for (int k = 0; k < a->n_in; k++) a->pointers[k] = p->base[a->in[k]];
        JUDD_TRY(judd_status_context(a->ops->run(a->state, a->pointers, p->base[a->out]),
                                     "node %s (%s)", a->name, a->ops->op));
        double end = judd_clock_s(CLOCK_MONOTONIC);
        a->seconds = end - start;
        start = end;
    }
done:
    return status;
}

judd_engine_layer judd_program_layer(const judd_program *p, int i) {
    const action *a = &p->actions[i];
    return (judd_engine_layer){.name = a->name,
                               .op = a->ops->op,
                               .flop = a->flop,
                               .seconds = a->seconds,
                               .winograd = a->ops == judd_winograd_kernels,
                               .strassen = judd_kernel_is_of(a->ops, judd_strassen_kernels),
                               .bf16 = judd_kernel_is_of(a->ops, judd_bf16_kernels)};
}

judd_program_facts judd_program_describe(const judd_program *p) {
    judd_program_facts f = {.n_actions = p->n_actions, .arena_bytes = p->arena_bytes};
    for (int i = 0; i < p->n_actions; i++) {
        int64_t alive = 0;
        for (int k = 0; k < p->n_buffers; k++) {
            const buffer *b = &p->buffers[k];
            if (b->kind == IN_ARENA && b->first >= 0 && b->first <= i && b->last >= i)
                alive += b->bytes;
        }
        if (alive > f.peak_bytes) f.peak_bytes = alive;
        const judd_kernel_ops *ops = p->actions[i].ops;
        f.n_reorders += ops == &judd_kernel_reorder || ops == &judd_kernel_copy;
    }
    for (int k = 0; k < p->n_buffers; k++)
        if (p->buffers[k].kind == IN_ARENA && p->buffers[k].first >= 0)
            f.buffer_bytes += p->buffers[k].bytes;
    return f;
}
