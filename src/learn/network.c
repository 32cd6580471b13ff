#include <judd/learn/network.h>

#include <judd/base/memory.h>

#include <stdlib.h>

judd_status judd_network_create(judd_network *out, const judd_bank *bank, int64_t capacity) {
    judd_status status = JUDD_OK;
    judd_network n = {.bank = bank, .capacity = capacity};
    JUDD_TRY(judd_gemm_create(&n.gemm));
    JUDD_TRY(judd_memory_alloc(&n.outputs, capacity * judd_bank_width(bank), sizeof *n.outputs));
    *out = n;
    n = (judd_network){0};
done:
    judd_network_destroy(&n);
    return status;
}

void judd_network_destroy(judd_network *n) {
    judd_gemm_destroy(n->gemm);
    free(n->outputs);
    *n = (judd_network){0};
}

judd_status judd_network_forward(judd_network *network, const float *x, int64_t n) {
    const judd_bank *bank = network->bank;
    const judd_layer *layer = &bank->layers[0];
    int64_t width = bank->options.n_heads * layer->outputs;
    judd_gemm_matrix inputs = {x, layer->inputs, 1};
    judd_gemm_matrix weight_t = {layer->weight->value, 1, layer->inputs};
    float *out = network->outputs;
    judd_status status = judd_gemm_multiply(network->gemm, n, width, layer->inputs, inputs,
                                            weight_t, out, width, false);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < width; j++) out[i * width + j] += layer->bias->value[j];
    return JUDD_OK;
}
