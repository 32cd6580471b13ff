#include <judd/learn/network.h>

#include <judd/base/clones.h>
#include <judd/base/exact_math.h>
#include <judd/base/memory.h>
#include <judd/base/rng.h>

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double NORM_EPSILON = 1e-5; /* PyTorch's */

/* ---- room ---------------------------------------------------------------------------------------
 */

static judd_status create_layer(judd_network *n, int l) {
    judd_status status = JUDD_OK;
    const judd_layer *layer = &n->bank->layers[l];
    judd_network_layer *y = &n->layers[l];
    int64_t n_heads = n->bank->options.n_heads, size = n->capacity * n_heads * layer->outputs;
    bool hidden = l < n->bank->n_layers - 1;
    JUDD_TRY(judd_memory_alloc(&y->out, size, sizeof *y->out));
    if (!n->training || !hidden) return status;
    JUDD_TRY(judd_memory_alloc(&y->slope, size, sizeof *y->slope));
    JUDD_TRY(judd_memory_alloc(&y->delta, size, sizeof *y->delta));
    if (!layer->gain) return status;
    JUDD_TRY(judd_memory_alloc(&y->normal, size, sizeof *y->normal));
    JUDD_TRY(judd_memory_alloc(&y->spread, n->capacity * n_heads, sizeof *y->spread));
done:
    return status;
}

judd_status judd_network_create(judd_network *out, const judd_bank *bank, int64_t capacity,
                                bool training) {
    judd_status status = JUDD_OK;
    judd_network n = {.bank = bank, .capacity = capacity, .training = training};
    int64_t widest = 0;
    JUDD_TRY(judd_gemm_create(&n.gemm));
    for (int l = 0; l < bank->n_layers; l++) {
        int64_t units = bank->layers[l].outputs;
        JUDD_TRY(create_layer(&n, l));
        widest = units > widest ? units : widest;
    }
    JUDD_TRY(judd_memory_alloc(&n.keep, widest, sizeof *n.keep));
    JUDD_TRY(judd_memory_alloc(&n.words, widest, sizeof *n.words));
    n.outputs = n.layers[bank->n_layers - 1].out;
    n.layers[bank->n_layers - 1].delta = n.outputs;
    *out = n;
    n = (judd_network){0};
done:
    judd_network_destroy(&n);
    return status;
}

void judd_network_destroy(judd_network *n) {
    judd_gemm_destroy(n->gemm);
    for (int l = 0; l < JUDD_BANK_MAX_LAYERS; l++) {
        judd_network_layer *y = &n->layers[l];
        if (y->delta != y->out) free(y->delta);
        free(y->out);
        free(y->slope);
        free(y->normal);
        free(y->spread);
    }
    free(n->keep);
    free(n->words);
    *n = (judd_network){0};
}

/* ---- weight inputs + bias -----------------------------------------------------------------------
 */

/* With JUDD_BANK_FLOAT. */
static judd_status multiply_first_float(judd_network *n, const float *x, int64_t rows) {
    const judd_layer *layer = &n->bank->layers[0];
    int width = (int)(n->bank->options.n_heads * layer->outputs), inputs = (int)layer->inputs;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, width, inputs, 1.0f, x, inputs,
                layer->weight->value, inputs, 0.0f, n->layers[0].out, width);
    return JUDD_OK;
}

/* All heads at once: they share their inputs. */
static judd_status multiply_first(judd_network *n, const float *x, const int64_t *which,
                                  int64_t rows) {
    const judd_layer *layer = &n->bank->layers[0];
    int64_t width = n->bank->options.n_heads * layer->outputs;
    judd_gemm_matrix inputs = {x, layer->inputs, 1};
    judd_gemm_matrix weight_t = {layer->weight->value, 1, layer->inputs};
    if (n->training && n->bank->options.reduce == JUDD_BANK_FLOAT && !which)
        return multiply_first_float(n, x, rows);
    return judd_gemm_multiply_rows(n->gemm, rows, width, layer->inputs, inputs, which, weight_t,
                                   NULL, n->layers[0].out, width, false);
}

/* Head by head: each has inputs of its own. */
static judd_status multiply_deeper(judd_network *n, int l, int64_t rows) {
    judd_status status = JUDD_OK;
    const judd_layer *layer = &n->bank->layers[l];
    int64_t n_heads = n->bank->options.n_heads, width = n_heads * layer->outputs;
    for (int h = 0; h < n_heads; h++) {
        judd_gemm_matrix inputs = {n->layers[l - 1].out + h * layer->inputs,
                                   n_heads * layer->inputs, 1};
        judd_gemm_matrix weight_t = {
            layer->weight->value + judd_bank_parameter_begin(layer->weight, h), 1, layer->inputs};
        JUDD_TRY(judd_gemm_multiply(n->gemm, rows, layer->outputs, layer->inputs, inputs, weight_t,
                                    n->layers[l].out + h * layer->outputs, width, false));
    }
done:
    return status;
}

static judd_status multiply(judd_network *n, int l, const float *x, const int64_t *which,
                            int64_t rows) {
    const judd_layer *layer = &n->bank->layers[l];
    int64_t width = n->bank->options.n_heads * layer->outputs;
    float *out = n->layers[l].out;
    judd_status status = l == 0 ? multiply_first(n, x, which, rows) : multiply_deeper(n, l, rows);
    if (status != JUDD_OK) return status;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < width; j++) out[i * width + j] += layer->bias->value[j];
    return JUDD_OK;
}

/* ---- layer norm ---------------------------------------------------------------------------------
 */

/* sum of x y, or of x where there is no y: eight chains, then one. */
JUDD_CLONES static double sum_of(const float *x, const float *y, int64_t n) {
    double part[8] = {0}, sum = 0.0;
    int64_t full = n / 8 * 8;
    for (int64_t j = 0; j < full; j += 8)
        for (int k = 0; k < 8; k++) part[k] += (double)x[j + k] * (y ? (double)y[j + k] : 1.0);
    for (int64_t j = full; j < n; j++) sum += (double)x[j] * (y ? (double)y[j] : 1.0);
    for (int k = 0; k < 8; k++) sum += part[k];
    return sum;
}

/* One head's units of one row: to mean 0 and deviation 1, in place. Returns 1 / deviation. */
JUDD_CLONES static float normalise(float *z, int64_t n) {
    float mean = (float)(sum_of(z, NULL, n) / (double)n);
    for (int64_t j = 0; j < n; j++) z[j] -= mean;
    float spread = (float)(1.0 / sqrt(sum_of(z, z, n) / (double)n + NORM_EPSILON));
    for (int64_t j = 0; j < n; j++) z[j] *= spread;
    return spread;
}

static void norm_forward(judd_network *n, int l, int64_t rows) {
    const judd_layer *layer = &n->bank->layers[l];
    judd_network_layer *y = &n->layers[l];
    int64_t n_heads = n->bank->options.n_heads, units = layer->outputs;
    for (int64_t i = 0; i < rows; i++)
        for (int h = 0; h < n_heads; h++) {
            int64_t at = (i * n_heads + h) * units;
            float *z = y->out + at;
            const float *gain = layer->gain->value + h * units;
            const float *shift = layer->shift->value + h * units;
            float spread = normalise(z, units);
            if (y->normal) {
                memcpy(y->normal + at, z, (size_t)units * sizeof *z);
                y->spread[i * n_heads + h] = spread;
            }
            for (int64_t j = 0; j < units; j++) z[j] = z[j] * gain[j] + shift[j];
        }
}

/* d loss / d z of one head's units from that of gain * normal + shift. */
JUDD_CLONES static void norm_slopes(float *restrict delta, const float *restrict outer,
                                    const float *restrict gain, const float *restrict normal,
                                    float spread, int64_t n) {
    for (int64_t j = 0; j < n; j++) delta[j] = outer[j] * gain[j];
    float mean = (float)(sum_of(delta, NULL, n) / (double)n);
    float along = (float)(sum_of(delta, normal, n) / (double)n);
    for (int64_t j = 0; j < n; j++) delta[j] = spread * (delta[j] - mean - normal[j] * along);
}

static void norm_backward(judd_network *n, int l, int64_t rows) {
    const judd_layer *layer = &n->bank->layers[l];
    judd_network_layer *y = &n->layers[l];
    int64_t n_heads = n->bank->options.n_heads, units = layer->outputs;
    for (int64_t i = 0; i < rows; i++)
        for (int h = 0; h < n_heads; h++) {
            int64_t at = (i * n_heads + h) * units;
            norm_slopes(y->delta + at, y->slope + at, layer->gain->value + h * units,
                        y->normal + at, y->spread[i * n_heads + h], units);
        }
}

/* ---- activation ---------------------------------------------------------------------------------
 */

/* z becomes the activation of z; slope its derivative, if asked for. NaN stays NaN: a head that has
 * left the finite must be seen. */
JUDD_CLONES static void relu(float *restrict z, float *restrict slope, int64_t n) {
    for (int64_t j = 0; slope && j < n; j++) slope[j] = z[j] <= 0.0f ? 0.0f : 1.0f;
    for (int64_t j = 0; j < n; j++) z[j] = z[j] <= 0.0f ? 0.0f : z[j];
}

/* Phi(x) for GELU: 0 to 1, NaN for NaN. */
static inline float normal_probability(float x) {
    float tail = 0.5f * judd_exact_erfcf(fabsf(x) * 0.707106781f);
    return x < 0.0f ? tail : 1.0f - tail;
}

JUDD_CLONES static void gelu(float *restrict z, float *restrict slope, int64_t n) {
    for (int64_t j = 0; slope && j < n; j++) {
        float density = 0.398942280f * judd_exact_expf(-0.5f * z[j] * z[j]);
        slope[j] = normal_probability(z[j]) + z[j] * density;
    }
    for (int64_t j = 0; j < n; j++) z[j] *= normal_probability(z[j]);
}

static void activate(judd_network *n, int l, int64_t rows) {
    const judd_bank_options *o = &n->bank->options;
    int64_t size = rows * o->n_heads * n->bank->layers[l].outputs;
    if (o->activation == JUDD_ACTIVATION_GELU)
        gelu(n->layers[l].out, n->layers[l].slope, size);
    else
        relu(n->layers[l].out, n->layers[l].slope, size);
}

/* ---- dropout ------------------------------------------------------------------------------------
 */

/* keep[j] for the units of one head's layer and sample: a unit goes if its word is below the rate.
 */
static void draw_keep(judd_network *n, int64_t units, uint64_t key, int64_t position) {
    double rate = n->bank->options.dropout;
    uint32_t limit = (uint32_t)(rate * 4294967296.0);
    float scale = (float)(1.0 / (1.0 - rate));
    judd_rng_words(n->words, units, key, JUDD_RNG_DROPOUT, (uint64_t)position);
    for (int64_t j = 0; j < units; j++) n->keep[j] = n->words[j] < limit ? 0.0f : scale;
}

static void drop(judd_network *n, int l, const judd_batch *batch) {
    const judd_bank_options *o = &n->bank->options;
    int64_t units = n->bank->layers[l].outputs;
    for (int h = 0; h < o->n_heads; h++) {
        uint64_t key = judd_rng_bits(o->heads[h].init_seed, JUDD_RNG_DROPOUT, (uint32_t)l,
                                     (uint64_t)n->bank->step);
        for (int64_t i = 0; i < batch->n; i++) {
            float *out = n->layers[l].out + (i * o->n_heads + h) * units;
            float *slope = n->layers[l].slope + (i * o->n_heads + h) * units;
            draw_keep(n, units, key, batch->positions[i]);
            for (int64_t j = 0; j < units; j++) {
                out[j] *= n->keep[j];
                slope[j] *= n->keep[j];
            }
        }
    }
}

/* ---- all layers ---------------------------------------------------------------------------------
 */

static judd_status forward(judd_network *n, const float *x, int64_t rows, const judd_batch *batch) {
    judd_status status = JUDD_OK;
    for (int l = 0; l < n->bank->n_layers; l++) {
        JUDD_TRY(multiply(n, l, x, batch ? batch->rows : NULL, rows));
        if (l == n->bank->n_layers - 1) break;
        if (n->bank->layers[l].gain) norm_forward(n, l, rows);
        activate(n, l, rows);
        if (batch && n->bank->options.dropout > 0.0) drop(n, l, batch);
    }
done:
    return status;
}

judd_status judd_network_forward(judd_network *n, const float *x, int64_t rows) {
    return forward(n, x, rows, NULL);
}

judd_status judd_network_forward_training(judd_network *n, const judd_batch *batch) {
    return forward(n, batch->x, batch->n, batch);
}

/* delta of layer l - 1 = d loss / d its out: delta of layer l times the weights of layer l. */
static judd_status pull_back(judd_network *n, int l, int64_t rows) {
    judd_status status = JUDD_OK;
    const judd_layer *layer = &n->bank->layers[l];
    int64_t n_heads = n->bank->options.n_heads;
    for (int h = 0; h < n_heads; h++) {
        judd_gemm_matrix delta = {n->layers[l].delta + h * layer->outputs, n_heads * layer->outputs,
                                  1};
        judd_gemm_matrix weight = {
            layer->weight->value + judd_bank_parameter_begin(layer->weight, h), layer->inputs, 1};
        JUDD_TRY(judd_gemm_multiply(n->gemm, rows, layer->inputs, layer->outputs, delta, weight,
                                    n->layers[l - 1].delta + h * layer->inputs,
                                    n_heads * layer->inputs, false));
    }
done:
    return status;
}

JUDD_CLONES static void scale_by(float *restrict x, const float *restrict y, int64_t n) {
    for (int64_t j = 0; j < n; j++) x[j] *= y[j];
}

judd_status judd_network_backward(judd_network *n, int64_t rows) {
    judd_status status = JUDD_OK;
    for (int l = n->bank->n_layers - 1; l > 0; l--) {
        judd_network_layer *y = &n->layers[l - 1];
        int64_t size = rows * n->bank->options.n_heads * n->bank->layers[l - 1].outputs;
        JUDD_TRY(pull_back(n, l, rows));
        if (n->bank->layers[l - 1].gain) {
            scale_by(y->slope, y->delta, size);
            norm_backward(n, l - 1, rows);
        } else {
            scale_by(y->delta, y->slope, size);
        }
    }
done:
    return status;
}
