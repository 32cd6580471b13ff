#include "engine/rewrite.h"

#include <stdlib.h>
#include <string.h>

bool judd_rewrite_is(const judd_step *step, const char *op) {
    return step->op && strcmp(step->op, op) == 0;
}

int judd_rewrite_uses(const judd_net *net, int value) {
    int n = net->output == value;
    for (int i = 0; i < net->n_steps; i++) {
        const judd_step *step = &net->steps[i];
        if (!step->op) continue;
        for (int k = 0; k < step->n_inputs; k++) n += step->inputs[k] == value;
        n += step->residual == value;
    }
    return n;
}

int judd_rewrite_only_reader(const judd_net *net, const judd_step *step) {
    if (judd_rewrite_uses(net, step->output) != 1) return -1;
    for (int i = 0; i < net->n_steps; i++)
        for (int k = 0; net->steps[i].op && k < net->steps[i].n_inputs; k++)
            if (net->steps[i].inputs[k] == step->output) return i;
    return -1;
}

judd_step *judd_rewrite_producer(const judd_net *net, int value) {
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op && net->steps[i].output == value) return &net->steps[i];
    return NULL;
}

void judd_rewrite_kill(judd_step *step) {
    free(step->inputs);
    free(step->attention);
    step->inputs = NULL;
    step->attention = NULL;
    step->op = NULL;
}

void judd_rewrite_sweep(judd_net *net) {
    for (int i = net->n_steps - 1; i >= 0; i--)
        if (net->steps[i].op && judd_rewrite_uses(net, net->steps[i].output) == 0)
            judd_rewrite_kill(&net->steps[i]);
}

void judd_rewrite_absorb(judd_net *net, int first, int then) {
    judd_step merged = net->steps[first];
    merged.output = net->steps[then].output;
    free(net->steps[then].inputs);
    net->steps[then] = merged;
    net->steps[first].inputs = NULL;
    net->steps[first].op = NULL;
}

judd_status judd_rewrite_inputs(judd_step *step, int n_operands, int n_inputs, const int *inputs) {
    int *copy = NULL;
    judd_status status = judd_memory_alloc(&copy, n_inputs, sizeof *copy);
    if (status != JUDD_OK) return status;
    memcpy(copy, inputs, (size_t)n_inputs * sizeof *copy);
    free(step->inputs);
    step->inputs = copy;
    step->n_inputs = n_inputs;
    step->n_operands = n_operands;
    return JUDD_OK;
}

void judd_rewrite_compact(judd_net *net) {
    int n = 0;
    for (int i = 0; i < net->n_steps; i++)
        if (net->steps[i].op) net->steps[n++] = net->steps[i];
    net->n_steps = n;
}
