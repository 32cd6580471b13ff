/* How often verdicts are false and intervals miss, in simulated jobs whose true gains are known.
 *
 *   transfer_bench_calibration [--check] JOBS [FOLDER ...]
 *
 * JOBS for every world and true gain (0, half the margin, the margin, twice it, both signs).
 * FOLDER, instead of simulated worlds: of a finished job with accuracies and many seeds; its
 * predictions are the population that seeds and test samples are drawn from, its mean is the true
 * gain. --check: exit code 1 if false verdicts or coverage are worse than allowed by more than
 * chance explains.
 *
 * A false verdict: the wrong sign; any sign at gain 0; neutral at |gain| >= margin. */
#include <judd/io/atomic_file.h>
#include <judd/transfer/verdict.h>

#include "job/predictions.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SEEDS = 40, MOST_TEST = 1000, N_DESIGNS = 5, MOST_COMPARISONS = 10, N_GAINS = 7 };
static const int designs[N_DESIGNS] = {3, 5, 10, 20, 0}; /* seeds; 0: auto, at most 40 */
static const double gains[N_GAINS] = {0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0}; /* margins */

/* ---- random numbers ---------------------------------------------------------------------------
 */

typedef struct stream {
    uint64_t state;
} stream;

/* SplitMix64 (Steele, Lea & Flood 2014). */
static uint64_t bits(stream *s) {
    uint64_t z = s->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static stream stream_of(uint64_t a, uint64_t b, uint64_t c) {
    stream s = {a};
    s.state = bits(&s) ^ b;
    s.state = bits(&s) ^ c;
    s.state = bits(&s);
    return s;
}

static double uniform(stream *s) {
    return ((double)(bits(s) >> 11) + 0.5) * 0x1p-53;
}

static double normal(stream *s) {
    double r = sqrt(-2.0 * log(uniform(s)));
    return r * cos(6.283185307179586 * uniform(s));
}

/* Mean 0, deviation 1, skewness 0 (normal) or 2 / sqrt(shape): a gamma variable of whole shape. */
static double effect(stream *s, int shape) {
    if (shape == 0) return normal(s);
    double sum = 0.0;
    for (int i = 0; i < shape; i++) sum -= log(uniform(s));
    return (sum - shape) / sqrt(shape);
}

/* ---- worlds -----------------------------------------------------------------------------------
 */

typedef struct world {
    const char *name;
    int n_test;
    double margin;
    double seeds;  /* deviation of the gain over seeds, in margins */
    int shape;     /* of its distribution: 0 normal, 4 skewness 1, 1 skewness 2 */
    double spread; /* deviation over samples of their own gain, a probability */
    double lasts;  /* share of predictions that do not depend on the seed */
    double shared; /* share of those decided alike in both arms */
    bool real;     /* shares that are real numbers, not flags */
} world;

static const world worlds[] = {
    {"samples differ", 400, 0.04, 0.0, 0, 0.10, 0.8, 0.5, false},
    {"seeds differ", 400, 0.04, 1.0, 0, 0.02, 0.2, 0.8, false},
    {"both differ", 400, 0.03, 0.8, 0, 0.05, 0.5, 0.7, false},
    {"noise only", 400, 0.03, 0.0, 0, 0.0, 0.0, 0.0, false},
    {"hardly differ", 1000, 0.005, 0.2, 0, 0.0, 0.9, 0.99, false},
    {"seeds, skewness 1", 400, 0.04, 1.0, 4, 0.02, 0.2, 0.8, false},
    {"seeds, skewness -1", 400, 0.04, -1.0, 4, 0.02, 0.2, 0.8, false},
    {"both, skewness 1", 400, 0.03, 0.8, 4, 0.05, 0.5, 0.7, false},
    {"real shares", 400, 0.04, 0.8, 4, 0.30, 0.0, 0.0, true},
};
enum { N_WORLDS = (int)(sizeof worlds / sizeof *worlds) };

/* Kept apart: no interval from 3 to 20 values holds for effects as lopsided as these. */
static const world extreme = {"seeds, skewness 2", 400, 0.04, 1.0, 1, 0.02, 0.2, 0.8, false};

typedef struct arms {
    uint8_t transfer[MOST_SEEDS * MOST_TEST], baseline[MOST_SEEDS * MOST_TEST];
    double a[MOST_SEEDS * MOST_TEST], b[MOST_SEEDS * MOST_TEST];
} arms;

/* A prediction is right if its uniform number is below the sample's probability. The number is the
 * sample's own (`lasting`) or this seed's. */
static double pick(stream *s, const world *w, double lasting) {
    return uniform(s) < w->lasts ? lasting : uniform(s);
}

static void draw_flags(arms *x, const world *w, double gain, stream base, stream own) {
    int m = w->n_test;
    double p[MOST_TEST], extra[MOST_TEST], first[MOST_TEST], second[MOST_TEST];
    for (int j = 0; j < m; j++) {
        p[j] = 0.3 + 0.4 * uniform(&base);
        first[j] = uniform(&base);
        extra[j] = w->spread * (uniform(&own) < 0.5 ? -1.0 : 1.0);
        second[j] = uniform(&own) < w->shared ? first[j] : uniform(&own);
    }
    for (int i = 0; i < MOST_SEEDS; i++) {
        double shift = gain + w->seeds * w->margin * effect(&own, w->shape);
        for (int j = 0; j < m; j++) {
            int at = i * m + j;
            double lasting = uniform(&base), mine = uniform(&base);
            bool alike = uniform(&own) < w->shared;
            double u = lasting < w->lasts ? first[j] : mine;
            double t = alike ? (lasting < w->lasts ? second[j] : mine) : pick(&own, w, second[j]);
            x->baseline[at] = u < p[j];
            x->transfer[at] = t < p[j] + shift + extra[j];
        }
    }
}

static void draw_shares(arms *x, const world *w, double gain, stream base, stream own) {
    int m = w->n_test;
    double extra[MOST_TEST];
    for (int j = 0; j < m; j++) extra[j] = w->spread * effect(&own, 1);
    for (int i = 0; i < MOST_SEEDS; i++) {
        double shift = gain + w->seeds * w->margin * effect(&own, w->shape);
        for (int j = 0; j < m; j++) {
            x->b[i * m + j] = normal(&base);
            x->a[i * m + j] = x->b[i * m + j] + shift + extra[j] + 0.3 * normal(&own);
        }
    }
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static void stop_if(judd_status status) {
    if (status == JUDD_OK) return;
    fprintf(stderr, "%s\n", judd_status_message());
    exit(2);
}

static void measure(judd_verdict *v, const arms *x, int n, int m, double margin, bool real) {
    stop_if(real ? judd_verdict_measure_shares(v, x->a, x->b, n, m, margin)
                 : judd_verdict_measure(v, x->transfer, x->baseline, n, m, margin));
}

static void look(judd_verdict *v, const arms *x, int design, int64_t n, int m, double margin,
                 bool real) {
    if (design > 0) {
        measure(v, x, design, m, margin, real);
        return;
    }
    int looks = judd_verdict_n_looks(MOST_SEEDS);
    for (int k = 0; k < looks; k++) {
        measure(v, x, (int)judd_verdict_look(k, MOST_SEEDS), m, margin, real);
        judd_verdict_at_look(v, looks);
        if (judd_verdict_is_settled(v, n, margin)) return;
    }
}

static bool is_false(judd_verdict_kind kind, double gain, double margin) {
    double zero = 1e-12 * margin;
    if (kind == JUDD_VERDICT_POSITIVE) return gain <= zero;
    if (kind == JUDD_VERDICT_NEGATIVE) return gain >= -zero;
    return kind == JUDD_VERDICT_NEUTRAL && fabs(gain) >= margin - zero;
}

/* Of one design. */
typedef struct tally {
    int64_t jobs, wrong, comparisons, covered, decided, seeds;
} tally;

static void count(tally *t, judd_verdict *v, const double *truth, int n, double margin) {
    bool wrong = false;
    stop_if(judd_verdict_decide(v, n, margin));
    for (int c = 0; c < n; c++) {
        wrong |= is_false(v[c].kind, truth[c], margin);
        t->covered += v[c].ci95[0] <= truth[c] && truth[c] <= v[c].ci95[1];
        t->decided += v[c].kind != JUDD_VERDICT_INCONCLUSIVE;
        t->seeds += v[c].n_seeds;
    }
    t->comparisons += n;
    t->wrong += wrong;
    t->jobs++;
}

static double percent(int64_t part, int64_t all) {
    return 100.0 * (double)part / (double)all;
}

/* Figures of a world and design over all gains. */
typedef struct summary {
    double worst, least, most, zero, twice, seeds; /* false; coverage; decided at 0, +-2 margins */
    int64_t wrong, jobs;
} summary;

static void add_cell(summary *s, const tally *t, double gain) {
    double wrong = percent(t->wrong, t->jobs), cover = percent(t->covered, t->comparisons);
    s->worst = fmax(s->worst, wrong);
    s->least = s->jobs == 0 ? cover : fmin(s->least, cover);
    s->most = fmax(s->most, cover);
    if (gain == 0.0) s->zero = percent(t->decided, t->comparisons);
    if (fabs(gain) == 2.0) s->twice += 0.5 * percent(t->decided, t->comparisons);
    s->seeds += (double)t->seeds / (double)t->comparisons / N_GAINS;
    s->wrong += t->wrong;
    s->jobs += t->jobs;
}

/* Whether k of n is more than `limit` by no chance: four deviations, since many cells are seen. */
static bool exceeds(double value, double limit, int64_t n) {
    return value > limit + 400.0 * sqrt(0.01 * limit * (1.0 - 0.01 * limit) / (double)n);
}

/* Lopsided effects of seeds are allowed more: no test from so few values can be exact for them. */
static bool check_cell(const tally *t, bool lopsided) {
    double miss = 100.0 - percent(t->covered, t->comparisons);
    return !exceeds(percent(t->wrong, t->jobs), lopsided ? 9.0 : 5.0, t->jobs) &&
           !exceeds(miss, lopsided ? 9.0 : 7.0, t->comparisons) &&
           !exceeds(100.0 - miss, 98.5, t->comparisons);
}

static void print_design(int design) {
    if (design > 0)
        printf(" %5d", design);
    else
        printf(" %5s", "auto");
}

static void print_header(void) {
    printf("%-24s %5s | %5s %5s | %12s | %7s %7s | %5s\n", "world", "seeds", "false", "worst",
           "coverage", "at 0", "at 2", "mean");
}

static void print_summary(const char *name, int design, const summary *s) {
    printf("%-24s", name);
    print_design(design);
    printf(" | %5.2f %5.2f | %5.1f .. %4.1f | %7.1f %7.1f | %5.1f\n", percent(s->wrong, s->jobs),
           s->worst, s->least, s->most, s->zero, s->twice, s->seeds);
    fflush(stdout);
}

/* ---- jobs of one comparison -------------------------------------------------------------------
 */

static bool run_world(arms *x, const world *w, uint64_t number, int64_t jobs) {
    summary s[N_DESIGNS] = {{0}};
    bool good = true;
    for (int g = 0; g < N_GAINS; g++) {
        tally t[N_DESIGNS] = {{0}};
        double gain = gains[g] * w->margin;
        for (int64_t r = 0; r < jobs; r++) {
            stream base = stream_of((uint64_t)r, (uint64_t)g, number);
            stream own = stream_of(bits(&base), 1, 2);
            (w->real ? draw_shares : draw_flags)(x, w, gain, base, own);
            for (int d = 0; d < N_DESIGNS; d++) {
                judd_verdict v;
                look(&v, x, designs[d], 1, w->n_test, w->margin, w->real);
                count(&t[d], &v, &gain, 1, w->margin);
            }
        }
        for (int d = 0; d < N_DESIGNS; d++) {
            add_cell(&s[d], &t[d], gains[g]);
            good &= check_cell(&t[d], w->shape > 0);
        }
    }
    for (int d = 0; d < N_DESIGNS; d++) print_summary(w->name, designs[d], &s[d]);
    return good;
}

/* ---- jobs of several comparisons --------------------------------------------------------------
 */

typedef struct family {
    const char *name;
    int n;
    bool shared; /* one baseline and one test set */
    struct {
        double seeds, gain; /* in margins */
    } of[MOST_COMPARISONS];
} family;

static const family families[] = {
    {"8 without gain", 8, false, {{1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}}},
    {"8, shared baseline",
     8,
     true,
     {{1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}}},
    {"8 at the margin",
     8,
     true,
     {{1, 1}, {1, -1}, {1, 1}, {1, -1}, {1, 1}, {1, -1}, {1, 1}, {1, 1}}},
    {"all gains", 7, true, {{.5, 0}, {.5, .5}, {.5, -.5}, {.5, 1}, {.5, -1}, {.5, 2}, {.5, -2}}},
    {"large and none", 8, true, {{1, 0}, {1, 0}, {1, 5}, {1, 5}, {1, -5}, {1, 8}, {1, 8}, {1, -8}}},
    /* the worst for Holm in each family of tests by itself */
    {"sure margins, unsure 0",
     10,
     false,
     {{3, 0}, {3, 0}, {3, 0}, {3, 0}, {3, 0}, {.1, 1}, {.1, -1}, {.1, 1}, {.1, -1}, {.1, 1}}},
};

static bool run_family(arms *x, const family *f, int64_t jobs) {
    world w = {"", 400, 0.04, 0.0, 0, 0.02, 0.2, 0.9, false};
    tally t[N_DESIGNS] = {{0}};
    bool good = true;
    for (int64_t r = 0; r < jobs; r++) {
        judd_verdict v[N_DESIGNS][MOST_COMPARISONS];
        double truth[MOST_COMPARISONS];
        for (int c = 0; c < f->n; c++) {
            stream base = stream_of((uint64_t)r, 77, f->shared ? 0 : (uint64_t)c);
            truth[c] = f->of[c].gain * w.margin;
            w.seeds = f->of[c].seeds;
            draw_flags(x, &w, truth[c], base, stream_of((uint64_t)r, 78, (uint64_t)c));
            for (int d = 0; d < N_DESIGNS; d++)
                look(&v[d][c], x, designs[d], f->n, w.n_test, w.margin, false);
        }
        for (int d = 0; d < N_DESIGNS; d++) count(&t[d], v[d], truth, f->n, w.margin);
    }
    for (int d = 0; d < N_DESIGNS; d++) {
        good &= check_cell(&t[d], false);
        printf("%-24s", f->name);
        print_design(designs[d]);
        printf(" | %5.2f       | %5.1f         | decided %5.1f   | %5.1f\n",
               percent(t[d].wrong, t[d].jobs), percent(t[d].covered, t[d].comparisons),
               percent(t[d].decided, t[d].comparisons),
               (double)t[d].seeds / (double)t[d].comparisons);
        fflush(stdout);
    }
    return good;
}

/* ---- predictions of a finished job ------------------------------------------------------------
 */

/* Of one comparison: seeds by seeds, right or wrong. */
typedef struct population {
    char name[256];
    int n_seeds;
    int64_t n_test;
    uint8_t *transfer, *baseline; /* [MOST_SEEDS, n_test] */
} population;

static uint8_t *read_flags(int64_t *n_test, const char *folder, const char *trial) {
    double *share = NULL;
    stop_if(judd_predictions_read_shares(&share, n_test, folder, trial));
    uint8_t *flags = calloc((size_t)*n_test, 1);
    for (int64_t j = 0; flags && j < *n_test; j++) flags[j] = share[j] > 0.5;
    free(share);
    return flags;
}

/* Trials "NAME+sSEED+ARM": the population of NAME. */
static population *find_population(population *all, int *n, const char *trial, int *seed) {
    const char *at = strstr(trial, "+s");
    for (const char *next = at; next; next = strstr(next + 1, "+s")) at = next;
    char name[256];
    if (!at || at - trial >= (long)sizeof name) return NULL;
    snprintf(name, sizeof name, "%.*s", (int)(at - trial), trial);
    *seed = atoi(at + 2);
    for (int p = 0; p < *n; p++)
        if (strcmp(all[p].name, name) == 0) return &all[p];
    if (*n == 64) return NULL;
    snprintf(all[*n].name, sizeof all[*n].name, "%s", name);
    return &all[(*n)++];
}

static int read_job(population all[64], const char *folder, int first_seed) {
    char path[1024], *text = NULL;
    int64_t bytes = 0;
    int n = 0, seed = 0;
    snprintf(path, sizeof path, "%s/results.jsonl", folder);
    stop_if(judd_atomic_file_read(&text, &bytes, path, 1 << 30));
    for (char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        json_t *r = json_loadb(line, strcspn(line, "\n"), 0, NULL);
        const char *trial = json_string_value(json_object_get(r, "trial"));
        bool transfer = strcmp(json_string_value(json_object_get(r, "arm")), "transfer") == 0;
        population *p = find_population(all, &n, trial, &seed);
        seed -= first_seed;
        if (p && seed >= 0 && seed < MOST_SEEDS) {
            uint8_t *flags = read_flags(&p->n_test, folder, trial);
            uint8_t **arm = transfer ? &p->transfer : &p->baseline;
            if (!*arm) *arm = calloc((size_t)(MOST_SEEDS * p->n_test), 1);
            memcpy(*arm + seed * p->n_test, flags, (size_t)p->n_test);
            if (seed >= p->n_seeds) p->n_seeds = seed + 1;
            free(flags);
        }
        json_decref(r);
    }
    free(text);
    return n;
}

static double mean_gain(const population *p) {
    int64_t sum = 0, n = p->n_seeds * p->n_test;
    for (int64_t i = 0; i < n; i++) sum += p->transfer[i] - p->baseline[i];
    return (double)sum / (double)n;
}

/* MOST_SEEDS seeds and m samples, drawn with replacement. none: both arms are the transfer's, of
 * neighbouring seeds, so that the true gain is 0. */
static void resample(arms *x, const population *p, int m, bool none, stream s) {
    int64_t sample[MOST_TEST];
    for (int j = 0; j < m; j++) sample[j] = (int64_t)(uniform(&s) * (double)p->n_test);
    for (int i = 0; i < MOST_SEEDS; i++) {
        int64_t seed = (int64_t)(uniform(&s) * p->n_seeds);
        int64_t next = none ? (seed + 1) % p->n_seeds : seed;
        const uint8_t *against = none ? p->transfer : p->baseline;
        for (int j = 0; j < m; j++) {
            x->transfer[i * m + j] = p->transfer[seed * p->n_test + sample[j]];
            x->baseline[i * m + j] = against[next * p->n_test + sample[j]];
        }
    }
}

/* Margins are chosen so that the true gain is the wanted number of them. */
static bool run_population(arms *x, const population *p, int64_t jobs) {
    static const double multiples[4] = {0.0, 0.5, 1.0, 2.0};
    summary s[N_DESIGNS] = {{0}};
    double own = mean_gain(p);
    bool good = true;
    int m = p->n_test < MOST_TEST ? (int)p->n_test : MOST_TEST;
    for (int g = 0; g < 4; g++) {
        tally t[N_DESIGNS] = {{0}};
        double gain = g == 0 ? 0.0 : own, margin = g == 0 ? 0.02 : fabs(own) / multiples[g];
        for (int64_t r = 0; r < jobs; r++) {
            resample(x, p, m, g == 0, stream_of((uint64_t)r, (uint64_t)g, 3));
            for (int d = 0; d < N_DESIGNS; d++) {
                judd_verdict v;
                look(&v, x, designs[d], 1, m, margin, false);
                count(&t[d], &v, &gain, 1, margin);
            }
        }
        for (int d = 0; d < N_DESIGNS; d++) {
            add_cell(&s[d], &t[d], multiples[g]);
            good &= check_cell(&t[d], false);
        }
    }
    for (int d = 0; d < N_DESIGNS; d++) {
        s[d].twice *= 2.0;
        s[d].seeds *= N_GAINS / 4.0;
        print_summary(d == 0 ? p->name : "", designs[d], &s[d]);
    }
    return good;
}

static bool run_simulated(arms *x, int64_t jobs, bool check) {
    bool good = true;
    for (int w = 0; w < N_WORLDS; w++) good &= run_world(x, &worlds[w], (uint64_t)w, jobs);
    if (!check) run_world(x, &extreme, N_WORLDS, jobs);
    for (int f = 0; f < (int)(sizeof families / sizeof *families); f++)
        good &= run_family(x, &families[f], jobs);
    return good;
}

static bool run_job(arms *x, const char *folder, int64_t jobs) {
    static population all[64];
    bool good = true;
    int n = read_job(all, folder, 1);
    for (int p = 0; p < n; p++) good &= run_population(x, &all[p], jobs);
    return good;
}

int main(int argc, char **argv) {
    bool check = argc > 1 && strcmp(argv[1], "--check") == 0, good = true;
    argc -= check;
    argv += check;
    int64_t jobs = argc > 1 ? atoll(argv[1]) : 0;
    if (jobs < 1) {
        fprintf(stderr, "usage: transfer_bench_calibration [--check] JOBS [FOLDER ...]\n");
        return 64;
    }
    arms *x = malloc(sizeof *x);
    if (!x) return 2;
    printf("per cent; worst: of the seven gains; at 0, at 2: decided there, in margins\n");
    print_header();
    if (argc == 2) good = run_simulated(x, jobs, check);
    for (int i = 2; i < argc; i++) good &= run_job(x, argv[i], jobs);
    free(x);
    if (!good) printf("false verdicts or coverage out of their limits\n");
    return check && !good;
}
