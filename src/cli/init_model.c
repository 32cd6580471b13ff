#include "cli/init_model.h"

#include <judd/base/memory.h>
#include <judd/onnx/graph.h>
#include <judd/text/vectors.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_LENGTH = 40, USUAL_SIDE = 224, SMALL_SIDE = 96, CAFFE_SIDE = 227 };

judd_status judd_init_name(char **name, const char *path) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    size_t start = n;
    while (start > 0 && path[start - 1] != '/') start--;
    static const char *const endings[] = {".onnx", ".gz",  ".tar", ".h5",  ".hdf5", ".npy",  ".cfg",
                                          ".tsv",  ".csv", ".txt", ".vec", ".bin",  ".jsonl"};
    for (size_t e = 0; e < sizeof endings / sizeof *endings; e++) {
        size_t k = strlen(endings[e]);
        if (n - start > k && strncasecmp(path + n - k, endings[e], k) == 0) n -= k;
    }
    if (n - start > NAME_LENGTH) n = start + NAME_LENGTH;
    judd_status status = judd_memory_format(name, "%.*s", (int)(n - start), path + start);
    if (status != JUDD_OK) return status;
    for (char *c = *name; *c; c++)
        if (!isalnum((unsigned char)*c) && !(strchr("_.-", *c) && (c > *name || *c != '.')))
            *c = '_';
    return JUDD_OK;
}

/* ---- presets by name and size
 * ----------------------------------------------------------------------------
 */

typedef struct family {
    const char *word, *also; /* both in the file's name; NULL: one is enough */
    const char *preset;
} family;

/* tf2onnx converts Keras' networks, whose images are prepared otherwise than torchvision's. */
static const family keras[] = {{"resnet", "v2", "keras-tf"},
                               {"resnet", NULL, "keras-caffe"},
                               {"vgg", NULL, "keras-caffe"},
                               {"densenet", NULL, "keras-torch"},
                               {"inception", NULL, "keras-inception_v3"},
                               {"xception", NULL, "xception"},
                               {"mobilenet", "v3", NULL},
                               {"mobilenet", NULL, "keras-tf"}};
static const family vectors[] = {{"glove", "840b", "glove-840b"},
                                 {"glove", "6b", "glove-6b"},
                                 {"googlenews", NULL, "word2vec-google-news"},
                                 {"cc.", ".300", "fasttext-cc"},
                                 {"wiki.", ".bin", "fasttext-wiki"}};
#define COUNT(array) (sizeof(array) / sizeof *(array))

static judd_status by_family(char **preset, const char *name, const family *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (!strcasestr(name, rows[i].word)) continue;
        if (rows[i].also && !strcasestr(name, rows[i].also)) continue;
        if (!rows[i].preset) return JUDD_OK;
        return judd_memory_format(preset, "backbones/%s.cfg", rows[i].preset);
    }
    return JUDD_OK;
}

/* The preset whose name is the longest beginning of the file's: resnet50-mine.onnx -> resnet. */
static judd_status by_beginning(char **preset, const char *file) {
    judd_status status = JUDD_OK;
    char *name = NULL;
    JUDD_TRY(judd_init_name(&name, file));
    for (char *c = name; *c; c++) *c = (char)tolower((unsigned char)*c);
    for (size_t n = strlen(name); n >= 3 && !*preset; n--) {
        name[n] = 0;
        JUDD_TRY(judd_memory_format(preset, "backbones/%s.cfg", name));
        if (judd_job_has_preset(*preset)) break;
        free(*preset);
        *preset = NULL;
    }
done:
    free(name);
    return status;
}

bool judd_init_model_takes(const judd_init_model *m, const judd_job_backbone *b) {
    const judd_job_integers *size = b->input.crop.n > 0 ? &b->input.crop : &b->input.resize;
    if (size->n == 0) return false;
    int64_t height = size->values[0], width = size->values[size->n - 1];
    return b->input.channels == m->channels &&
           (!m->fixed || (height == m->height && width == m->width));
}

/* ---- networks -----------------------------------------------------------------------------------
 */

static const char *file_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What the file leaves open, the data may tell, else habit. */
static judd_status load(judd_graph **graph, judd_init_model *m, const judd_init_data *d) {
    judd_graph_options o = {.batch = 1};
    m->fixed = judd_graph_load(graph, m->path, &o) == JUDD_OK;
    if (m->fixed) return JUDD_OK;
    bool own = judd_init_data_is_uniform(d) && d->height[0] < SMALL_SIDE;
    o.height = own ? d->height[0] : USUAL_SIDE;
    o.width = own ? d->width[0] : USUAL_SIDE;
    judd_status status = judd_graph_load(graph, m->path, &o);
    if (status == JUDD_OK) return status;
    o.channels = own ? d->channels : 3;
    return judd_graph_load(graph, m->path, &o);
}

/* Features: what enters the last layer, else what leaves it. */
static judd_status choose_tap(judd_init_model *m) {
    static const char *const names[] = {"penultimate", "logits"};
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    for (int i = 0; i < 2 && !graph; i++) {
        judd_graph_options o = {.batch = 1,
                                .channels = m->channels,
                                .height = m->height,
                                .width = m->width,
                                .taps = &names[i],
                                .n_taps = 1};
        m->tap = names[i];
        status = judd_graph_load(&graph, m->path, &o);
    }
    if (status != JUDD_OK) return status;
    const judd_graph_value *y = &graph->values[graph->output];
    int64_t places = 1, size = judd_graph_size(y);
    for (int k = 2; k < y->rank && y->rank == 4; k++) places *= y->dims[k];
    for (int k = 1; k < y->rank - 1 && y->rank == 3; k++) places *= y->dims[k];
    m->pool = places > 1;
    m->dim = m->pool ? size / places : size;
    judd_graph_destroy(graph);
    return status;
}

static judd_status look_at_network(judd_init_model *m, const judd_init_data *d) {
    judd_status status = JUDD_OK;
    judd_graph *graph = NULL;
    if (judd_vectors_recognised(m->path))
        JUDD_FAIL(JUDD_E_USAGE, "init: %s: word vectors, but %s holds no texts", m->path,
                  d->train.samples);
    JUDD_TRY(load(&graph, m, d));
    const judd_graph_value *x = &graph->values[graph->inputs[0]];
    m->channels = (int)x->dims[1];
    m->height = (int)x->dims[2];
    m->width = (int)x->dims[3];
    memcpy(m->producer, graph->producer, sizeof m->producer);
    JUDD_TRY(choose_tap(m));
    if (m->channels != 3) goto done;
    if (m->fixed && m->height == CAFFE_SIDE && m->width == CAFFE_SIDE) /* nobody else's */
        JUDD_TRY(judd_memory_string(&m->preset, "backbones/caffe-227.cfg"));
    else if (strcmp(m->producer, "tf2onnx") == 0)
        JUDD_TRY(by_family(&m->preset, file_of(m->path), keras, COUNT(keras)));
    else
        JUDD_TRY(by_beginning(&m->preset, m->path));
done:
    judd_graph_destroy(graph);
    return status;
}

static judd_status look_at_vectors(judd_init_model *m, const judd_comm *comm) {
    judd_status status = JUDD_OK;
    judd_vectors *v = NULL;
    JUDD_TRY(judd_vectors_open(&v, comm, m->path, "words", JUDD_VECTORS_HEAD));
    m->dim = judd_vectors_info_of(v)->dim;
    JUDD_TRY(
        judd_comm_agree(comm, by_family(&m->preset, file_of(m->path), vectors, COUNT(vectors))));
done:
    judd_vectors_close(v);
    return status;
}

judd_status judd_init_model_look(judd_init_model *m, const char *path, const judd_init_data *d,
                                 const judd_comm *comm) {
    judd_status status = JUDD_OK;
    m->path = path;
    JUDD_TRY(judd_comm_agree(comm, judd_init_name(&m->name, path)));
    if (d->info->text)
        JUDD_TRY(look_at_vectors(m, comm));
    else
        JUDD_TRY(
            judd_comm_broadcast_status(comm, comm->rank == 0 ? look_at_network(m, d) : JUDD_OK));
done:
    return status;
}

void judd_init_model_free(judd_init_model *m) {
    free(m->name);
    free(m->preset);
    *m = (judd_init_model){0};
}
