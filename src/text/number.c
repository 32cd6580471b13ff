#include "text/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A whole number below 2^53 times or by a power of ten up to 10^22 is one rounding away from the
 * decimal number (Clinger 1990). Rounding that double to float is right as well unless it lies in
 * the middle between two floats: rounding keeps order, so whatever is not in the middle is on its
 * own side of it. Middles, numbers near the ends of float's range and long ones are left to strtof.
 */
static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                              1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                              1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { MOST_TEN = 22, MOST_DIGITS = 15, LONGEST = 128 };

static bool is_between(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c) {
    return (unsigned char)(c - '0') < 10;
}

/* d, which is w by a power of ten, to float; false if it takes more care. */
static bool round_once(float *x, double d, uint64_t w) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    bool middle = (bits & 0x1fffffff) == 0x10000000;
    bool ordinary = w == 0 || (d >= 0x1p-126 && d < 0x1p127);
    *x = (float)d;
    return !middle && ordinary;
}

/* Digits into a number, as long as no digit is lost; how many digits counted. */
static const char *digits(uint64_t *w, int *n, const char *p, const char *end) {
    for (; p < end && is_digit(*p); p++) {
        *n += *n > 0 || *p != '0'; /* zeros in front are none */
        if (*n <= MOST_DIGITS) *w = 10 * *w + (uint64_t)(*p - '0');
    }
    return p;
}

/* The C library's, in the C locale, which the program never leaves. */
static bool slowly(float *x, const char **at, const char *end) {
    char text[LONGEST];
    char *stop = NULL;
    const char *p = *at;
    size_t n = 0;
    for (; p < end && !is_between(*p) && n < sizeof text - 1; p++) {
        bool of_number =
            is_digit(*p) || *p == '-' || *p == '+' || *p == '.' || *p == 'e' || *p == 'E';
        if (!of_number) return false; /* neither hexadecimal nor names */
        text[n++] = *p;
    }
    if (n == 0 || (p < end && !is_between(*p))) return false;
    text[n] = '\0';
    *x = strtof(text, &stop);
    if (*stop != '\0' || !isfinite(*x)) return false;
    *at = p;
    return true;
}

static const char *exponent(int *e, const char *p, const char *end) {
    bool minus = false;
    int value = 0;
    const char *q = p + 1;
    if (q < end && (*q == '-' || *q == '+')) minus = *q++ == '-';
    if (q == end || !is_digit(*q)) return p; /* strtof will refuse */
    for (; q < end && is_digit(*q); q++)
        if (value < 10000) value = 10 * value + (*q - '0');
    *e += minus ? -value : value;
    return q;
}

/* Eight characters; how many of them are digits before the first that is none. The sum carries only
 * out of bytes that are no digits, so what lies below the first of them is right. */
static uint64_t load_digits(const char *p, int *n) {
    uint64_t t;
    memcpy(&t, p, sizeof t); /* little-endian: the first character is the lowest byte */
    t ^= 0x3030303030303030;
    uint64_t none = ((t + 0x0606060606060606) | t) & 0xf0f0f0f0f0f0f0f0;
    *n = none ? __builtin_ctzll(none) / 8 : 8;
    return t;
}

/* The number of 1 to 7 digits: zeros in front make them 8, then pairs, fours and eights at once. */
static uint64_t value_of(uint64_t t, int n) {
    t <<= 64 - 8 * n;
    t = t * 10 + (t >> 8);
    return ((t & 0x000000ff000000ff) * 0x000f424000000064 +
            ((t >> 16 & 0x000000ff000000ff) * 0x0000271000000001)) >>
           32;
}

/* What files of vectors are made of, "-0.12345", without a branch that depends on its length. */
static bool quickly(float *x, const char **at, const char *end) {
    static const uint64_t scale[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};
    const char *p = *at;
    int whole = 0, fraction = 0;
    if (end - p < 32) return false;
    bool minus = *p == '-';
    p += minus;
    uint64_t t = load_digits(p, &whole);
    if (whole == 0 || whole == 8 || p[whole] != '.') return false;
    uint64_t w = value_of(t, whole);
    p += whole + 1;
    t = load_digits(p, &fraction);
    if (fraction == 0 || fraction == 8 || !is_between(p[fraction])) return false;
    w = w * scale[fraction] + value_of(t, fraction);
    double d = (double)w / tens[fraction];
    if (!round_once(x, d, w)) return false;
    *x = minus ? -*x : *x;
    *at = p + fraction;
    return true;
}

bool judd_number_read(float *x, const char **at, const char *end) {
    if (quickly(x, at, end)) return true;
    const char *p = *at;
    uint64_t w = 0;
    int n = 0, e = 0;
    bool minus = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+')) p++;
    const char *first = p;
    p = digits(&w, &n, p, end);
    int64_t written = p - first;
    if (p < end && *p == '.') {
        const char *point = ++p;
        p = digits(&w, &n, p, end);
        written += p - point;
        e = p - point < 10000 ? -(int)(p - point) : -10000;
    }
    if (p < end && (*p == 'e' || *p == 'E')) p = exponent(&e, p, end);
    bool ended = p == end || is_between(*p);
    if (!ended || written == 0 || n > MOST_DIGITS || e < -MOST_TEN || e > MOST_TEN)
        return slowly(x, at, end);
    double d = e < 0 ? (double)w / tens[-e] : (double)w * tens[e];
    if (!round_once(x, d, w)) return slowly(x, at, end);
    *x = minus ? -*x : *x;
    *at = p;
    return true;
}

int64_t judd_number_row(float *x, int64_t n, const char *at, const char *end) {
    for (int64_t i = 0;; i++) {
        while (at < end && is_between(*at)) at++;
        if (at == end || i == n) return i + (at < end);
        if (!judd_number_read(&x[i], &at, end)) return i;
    }
}
