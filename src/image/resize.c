#include <judd/image/resize.h>

#include "image/across.h"

#include <judd/base/clones.h>
#include <judd/base/memory.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WEIGHT_BITS = JUDD_WEIGHT_BITS,
    HALF = 1 << (WEIGHT_BITS - 1),
    STRIP = 64 /* bytes of a row summed in registers at a time */
};

/* The weights of one direction for the outputs of a window: output i is the sum of n[i] inputs from
 * first[i] on. */
typedef struct filter {
    int *first, *n;
    int32_t *weights; /* [outputs, most] */
    int most;
} filter;

static double triangle(double x) {
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double keys(double x) {
    const double a = -0.5;
    x = fabs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
}

static void free_filter(filter *f) {
    free(f->first);
    free(f->n);
    free(f->weights);
}

static int32_t rounded(double w) {
    return (int32_t)(w * (1 << WEIGHT_BITS) + (w < 0 ? -0.5 : 0.5));
}

/* The order of operations is Pillow's: the same doubles, so the same bits. */
static judd_status make_filter(filter *f, int in, int out, int start, int count,
                               judd_interpolation interpolation) {
    judd_status status = JUDD_OK;
    double (*weight)(double) = interpolation == JUDD_BILINEAR ? triangle : keys;
    double scale = (double)in / out, wide = scale < 1.0 ? 1.0 : scale;
    double support = (interpolation == JUDD_BILINEAR ? 1.0 : 2.0) * wide, inverse = 1.0 / wide;
    double *w = NULL;
    f->most = (int)ceil(support) * 2 + 1;
    JUDD_TRY(judd_memory_alloc(&w, f->most, sizeof *w));
    JUDD_TRY(judd_memory_alloc(&f->first, count, sizeof *f->first));
    JUDD_TRY(judd_memory_alloc(&f->n, count, sizeof *f->n));
    JUDD_TRY(judd_memory_alloc(&f->weights, (int64_t)count * f->most, sizeof *f->weights));
    for (int i = 0; i < count; i++) {
        double centre = (start + i + 0.5) * scale, sum = 0.0;
        int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
        if (first < 0) first = 0;
        if (end > in) end = in;
        for (int k = 0; k < end - first; k++) {
            w[k] = weight((k + first - centre + 0.5) * inverse);
            sum += w[k];
        }
        for (int k = 0; k < end - first; k++)
            f->weights[(int64_t)i * f->most + k] = rounded(sum != 0.0 ? w[k] / sum : w[k]);
        f->first[i] = first;
        f->n[i] = end - first;
    }
done:
    free(w);
    return status;
}

static uint8_t clip(int32_t sum) {
    int v = sum >> WEIGHT_BITS;
    return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v);
}

static void across(uint8_t *to, const uint8_t *from, const filter *f, int count, int channels) {
    for (int i = 0; i < count; i++)
        for (int c = 0; c < channels; c++) {
            const int32_t *w = f->weights + (int64_t)i * f->most;
            const uint8_t *p = from + (int64_t)f->first[i] * channels + c;
            int32_t sum = HALF;
            for (int k = 0; k < f->n[i]; k++) sum += p[k * channels] * w[k];
            to[i * channels + c] = clip(sum);
        }
}

#if defined(__x86_64__)
/* All rows of RGB. */
static judd_status across_rgb(judd_image *out, const uint8_t *from, int64_t stride,
                              const filter *f) {
    judd_status status = JUDD_OK;
    int32_t *weights = NULL;
    int *pairs = NULL, most = (f->most + 1) / 2, count = out->width;
    JUDD_TRY(judd_memory_alloc(&weights, (int64_t)count * most, 8 * sizeof *weights));
    JUDD_TRY(judd_memory_alloc(&pairs, count, sizeof *pairs));
    for (int i = 0; i < count; i++) {
        int32_t *w = weights + (int64_t)i * most * 8;
        pairs[i] = (f->n[i] + 1) / 2;
        for (int k = 0; k < 3 * f->n[i]; k++)
            w[k / 6 * 8 + k % 6] = f->weights[(int64_t)i * f->most + k / 3];
    }
    for (int y = 0; y < out->height; y++)
        judd_across_avx2(out->pixels + (int64_t)y * count * 3, from + y * stride, f->first, pairs,
                         weights, most, count);
done:
    free(weights);
    free(pairs);
    return status;
}
#endif

/* One output row from n rows of `stride` bytes. */
JUDD_CLONES static void down(uint8_t *to, const uint8_t *from, int64_t stride, const int32_t *w,
                             int n) {
    for (int64_t x = 0; x < stride; x += STRIP) {
        int32_t sum[STRIP];
        int m = stride - x < STRIP ? (int)(stride - x) : STRIP;
        if (m == STRIP) {
            for (int j = 0; j < STRIP; j++) sum[j] = HALF;
            for (int k = 0; k < n; k++)
                for (int j = 0; j < STRIP; j++) sum[j] += from[k * stride + x + j] * w[k];
            for (int j = 0; j < STRIP; j++) to[x + j] = clip(sum[j]);
            continue;
        }
        for (int j = 0; j < m; j++) {
            int32_t s = HALF;
            for (int k = 0; k < n; k++) s += from[k * stride + x + j] * w[k];
            to[x + j] = clip(s);
        }
    }
}

static void copy_rows(judd_image *out, const judd_image *in, int top, int left) {
    int c = in->channels;
    for (int y = 0; y < out->height; y++)
        memcpy(out->pixels + (int64_t)y * out->width * c,
               in->pixels + ((int64_t)(top + y) * in->width + left) * c, (size_t)(out->width * c));
}

/* Rows [top, top + out->height) of `in`, resized in width. */
static judd_status resize_across(judd_image *out, const judd_image *in, int top, int width,
                                 judd_window window, judd_interpolation interpolation) {
    judd_status status = JUDD_OK;
    filter f = {0};
    int c = in->channels;
    if (width == in->width) {
        copy_rows(out, in, top, window.left);
        return JUDD_OK;
    }
    JUDD_TRY(make_filter(&f, in->width, width, window.left, window.width, interpolation));
    const uint8_t *from = in->pixels + (int64_t)top * in->width * c;
    int64_t stride = (int64_t)in->width * c;
#if defined(__x86_64__)
    if (c == 3 && __builtin_cpu_supports("avx2")) {
        JUDD_TRY(across_rgb(out, from, stride, &f));
        goto done;
    }
#endif
    for (int y = 0; y < out->height; y++)
        across(out->pixels + (int64_t)y * out->width * c, from + y * stride, &f, window.width, c);
done:
    free_filter(&f);
    return status;
}

judd_status judd_resize_image(judd_image *out, const judd_image *in, int height, int width,
                              judd_window window, judd_interpolation interpolation,
                              judd_image *between) {
    judd_status status = JUDD_OK;
    filter f = {0};
    int c = in->channels;
    JUDD_TRY(judd_image_shape(out, window.height, window.width, c));
    if (height == in->height) {
        JUDD_TRY(resize_across(out, in, window.top, width, window, interpolation));
        goto done;
    }
    JUDD_TRY(make_filter(&f, in->height, height, window.top, window.height, interpolation));
    int last = window.height - 1, top = f.first[0], end = f.first[last] + f.n[last];
    JUDD_TRY(judd_image_shape(between, end - top, window.width, c));
    JUDD_TRY(resize_across(between, in, top, width, window, interpolation));
    int64_t stride = (int64_t)window.width * c;
    for (int y = 0; y < window.height; y++)
        down(out->pixels + y * stride, between->pixels + (f.first[y] - top) * stride, stride,
             f.weights + (int64_t)y * f.most, f.n[y]);
done:
    free_filter(&f);
    return status;
}
