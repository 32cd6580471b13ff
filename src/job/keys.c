#include "job/keys.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))
#define TABLE(title, keys, type)                                                                   \
    { title, keys, COUNT(keys), sizeof(type) }
/* a row a key reads best as a block */
/* clang-format off */

static const judd_key input_keys[] = {
    {.name = "channels", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_backbone, input.channels), .fallback = "0", .minimum = 0,
     .maximum = 4096, .unit = "channels",
     .help = "channels the network takes; 0: as the data set"},
    {.name = "height", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_backbone, input.height),
     .fallback = "0", .minimum = 0, .maximum = 65536, .unit = "pixels",
     .help = "height the network takes; 0: as the data set"},
    {.name = "width", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_backbone, input.width),
     .fallback = "0", .minimum = 0, .maximum = 65536, .unit = "pixels",
     .help = "width the network takes; 0: as the data set"},
    {.name = "resize", .type = JUDD_KEY_INTS, .offset = offsetof(judd_job_backbone, input.resize),
     .minimum = 1, .maximum = 8192, .unit = "pixels",
     .help = "the shorter side, or with resize_mode exact one side for both or height and width; "
             "empty: no resizing"},
    {.name = "resize_mode", .type = JUDD_KEY_CHOICE,
     .offset = offsetof(judd_job_backbone, input.resize_mode), .fallback = "shorter",
     .choices = "shorter|exact",
     .help = "shorter: keep the shape of the image; exact: do not"},
    {.name = "interpolation", .type = JUDD_KEY_CHOICE,
     .offset = offsetof(judd_job_backbone, input.interpolation), .fallback = "bilinear",
     .choices = "bilinear|bicubic",
     .help = "filter of the resizing, antialiased, bit for bit Pillow's"},
    {.name = "crop", .type = JUDD_KEY_INTS, .offset = offsetof(judd_job_backbone, input.crop),
     .minimum = 1, .maximum = 8192, .unit = "pixels",
     .help = "side, or height and width, cut from the centre after resizing; empty: no crop"},
    {.name = "channel_order", .type = JUDD_KEY_CHOICE,
     .offset = offsetof(judd_job_backbone, input.channel_order), .fallback = "rgb",
     .choices = "rgb|bgr",
     .help = "order of the network's channels, and so of mean and std"},
    {.name = "scale", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_backbone, input.scale), .fallback = "0.00392156862745098",
     .minimum = 0, .maximum = 1e6,
     .help = "factor of pixel values: 255 becomes 255 * scale; the default is 1/255"},
    {.name = "mean", .type = JUDD_KEY_REALS, .offset = offsetof(judd_job_backbone, input.mean),
     .minimum = -1e9, .maximum = 1e9,
     .help = "subtracted after scaling, one value a channel; empty: 0"},
    {.name = "std", .type = JUDD_KEY_REALS, .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_backbone, input.std), .minimum = 0, .maximum = 1e9,
     .help = "divides after the mean is subtracted, one value a channel; empty: 1"},
};
static const judd_key_table input_table = TABLE("input", input_keys, judd_job_backbone);

#define WORDS "words|word2vec|glove|fasttext"
static const judd_key backbone_keys[] = {
    {.name = "name", .type = JUDD_KEY_NAME, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_backbone, name),
     .help = "how experiments call it"},
    {.name = "kind", .type = JUDD_KEY_CHOICE, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_backbone, kind),
     .choices = "onnx|pixels|none|words|word2vec|glove|fasttext|tfidf",
     .help = "onnx: a network from a file; pixels: the input itself is the feature; none: the data "
             "sets hold ready features (npy, hdf5); texts: word2vec, glove, fasttext or words (any "
             "of them): vectors of words from a file; tfidf: hashed TF-IDF"},
    {.name = "columns", .type = JUDD_KEY_INTS, .offset = offsetof(judd_job_backbone, columns),
     .minimum = 0, .maximum = 16777216, .unit = "columns",
     .help = "kind none: first column and number of columns, where features of several networks "
             "stand side by side; empty: all"},
    {.name = "file", .type = JUDD_KEY_PATH, .offset = offsetof(judd_job_backbone, file),
     .help = "the ONNX model, or the vectors of words, which these kinds need; no other kind has it"},
    {.name = "weights", .type = JUDD_KEY_CHOICE, .offset = offsetof(judd_job_backbone, weights),
     .fallback = "file", .choices = "file|random",
     .help = "file: as trained; random: a new He-normal network per seed"},
    {.name = "tap", .type = JUDD_KEY_STRINGS, .flags = JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_backbone, tap), .fallback = "penultimate",
     .help = "where features leave the network: penultimate, logits, probabilities, or a tensor or "
             "node name; several are set side by side"},
    {.name = "pool", .type = JUDD_KEY_CHOICE, .kinds = WORDS,
     .offset = offsetof(judd_job_backbone, pool), .fallback = "mean",
     .choices = "mean|fasttext|tfidf|sif|max|meanmax",
     .help = "what becomes of the vectors of a text's words: their mean; the mean of those of length "
             "1, as fasttext print-sentence-vectors; the mean weighted by inverse document frequency; "
             "by smooth inverse frequency, less the common component (Arora et al. 2017); the largest "
             "numbers; mean and largest. What is learned for it comes from all training texts, without "
             "their labels"},
    {.name = "tokens", .type = JUDD_KEY_CHOICE, .kinds = WORDS "|tfidf",
     .offset = offsetof(judd_job_backbone, tokens), .fallback = "whitespace",
     .choices = "whitespace|words",
     .help = "whitespace: what stands between it, as fastText; words: form NFC, then runs of letters, "
             "marks and digits, every other character alone"},
    {.name = "lowercase", .type = JUDD_KEY_BOOL, .kinds = WORDS "|tfidf",
     .offset = offsetof(judd_job_backbone, lowercase), .fallback = "false",
     .help = "texts in lower case, for vectors that know no other"},
    {.name = "smoothing", .type = JUDD_KEY_REAL, .kinds = WORDS, .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_backbone, smoothing), .fallback = "0.001", .minimum = 0,
     .maximum = 1e6,
     .help = "pool sif: a word that is the share p of all words weighs smoothing / (smoothing + p)"},
    {.name = "hash_columns", .type = JUDD_KEY_INT, .kinds = "tfidf",
     .offset = offsetof(judd_job_backbone, hash_columns), .fallback = "4096", .minimum = 2,
     .maximum = 65536, .unit = "columns",
     .help = "features, to which words are dealt by their hashes"},
    {.name = "pool", .type = JUDD_KEY_CHOICE, .kinds = "onnx|pixels|none",
     .offset = offsetof(judd_job_backbone, pool), .fallback = "none", .choices = "none|avg|max|avgmax",
     .help = "what becomes of a tapped map or token sequence: all places side by side, their mean, "
             "the largest numbers, or mean and largest"},
    {.name = "batch", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_backbone, batch),
     .fallback = "32", .minimum = 1, .maximum = 65536, .unit = "images",
     .help = "images per forward pass"},
    {.name = "winograd", .type = JUDD_KEY_BOOL, .offset = offsetof(judd_job_backbone, winograd),
     .fallback = "true",
     .help = "convolutions by Winograd's algorithm and products by Strassen's where they are faster; "
             "changes last bits"},
    {.name = "precision", .type = JUDD_KEY_CHOICE, .kinds = "onnx",
     .offset = offsetof(judd_job_backbone, precision), .fallback = "float32",
     .choices = "float32|bf16",
     .help = "bf16: convolutions and products with constant weights in bfloat16, with float32 sums; "
             "needs AVX512_BF16 or AMX on all ranks, keeps about 2 digits, and leaves winograd aside"},
    {.name = "storage", .type = JUDD_KEY_CHOICE, .offset = offsetof(judd_job_backbone, storage),
     .fallback = "float32", .choices = "float32|float16",
     .help = "how the cache keeps features; float16 halves it, rounds to 11 bits and holds numbers "
             "up to 65504"},
    {.name = "input", .type = JUDD_KEY_GROUP, .table = &input_table,
     .help = "preparation of the images"},
};
static const judd_key_table backbone_table = TABLE("a backbone", backbone_keys, judd_job_backbone);

static const judd_key files_keys[] = {
    {.name = "images", .type = JUDD_KEY_PATH, .offset = offsetof(judd_job_files, images),
     .help = "the images or features: a file or a folder, as the format has it"},
    {.name = "texts", .type = JUDD_KEY_PATH, .offset = offsetof(judd_job_files, texts),
     .help = "tsv, csv, lines, jsonl, in place of images: the file"},
    {.name = "labels", .type = JUDD_KEY_PATH, .offset = offsetof(judd_job_files, labels),
     .help = "idx, npy, lines: the labels file, required; hdf5: the file with the labels, if another; "
             "folder, tar, list, cifar, other texts: a list of the classes in the order of their labels, a line "
             "each (default: names in byte order; cifar: the file beside the data)"},
    {.name = "images_name", .type = JUDD_KEY_STRING,
     .offset = offsetof(judd_job_files, images_name),
     .help = "hdf5: the dataset with the images or features; default images, else features"},
    {.name = "labels_name", .type = JUDD_KEY_STRING,
     .offset = offsetof(judd_job_files, labels_name),
     .help = "hdf5: the dataset with the labels; default labels"},
};
static const judd_key_table train_table = TABLE("train", files_keys, judd_job_files);
static const judd_key_table validation_table = TABLE("validation", files_keys, judd_job_files);
static const judd_key_table test_table = TABLE("test", files_keys, judd_job_files);

static const judd_key augment_keys[] = {
    {.name = "scale", .type = JUDD_KEY_REALS, .flags = JUDD_KEY_ABOVE | JUDD_KEY_SOME,
     .offset = offsetof(judd_job_dataset, augment.scale), .fallback = "0.08, 1", .minimum = 0,
     .maximum = 1,
     .help = "least and largest share of the area that a view takes; one value: always that"},
    {.name = "ratio", .type = JUDD_KEY_REALS, .flags = JUDD_KEY_ABOVE | JUDD_KEY_SOME,
     .offset = offsetof(judd_job_dataset, augment.ratio), .fallback = "0.75, 1.3333333333333333",
     .minimum = 0, .maximum = 1000,
     .help = "least and largest width / height of a view; one value: always that"},
    {.name = "flip", .type = JUDD_KEY_REAL, .offset = offsetof(judd_job_dataset, augment.flip),
     .fallback = "0.5", .minimum = 0, .maximum = 1,
     .help = "probability that a view is mirrored"},
};
static const judd_key_table augment_table = TABLE("augment", augment_keys, judd_job_dataset);

static const judd_key dataset_keys[] = {
    {.name = "name", .type = JUDD_KEY_NAME, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_dataset, name),
     .help = "how experiments call it"},
    {.name = "format", .type = JUDD_KEY_CHOICE, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_dataset, format), 
     .choices = "idx|folder|tar|list|cifar10|cifar100|npy|hdf5|packed|tsv|csv|lines|jsonl",
     .help = "idx: the format of MNIST, may be gzipped; images (JPEG, PNG): folder: a folder a "
             "class; tar: a tar file or a folder of shards, labels from .cls entries or folders; "
             "list: path<TAB>label a line; cifar10, cifar100: the binary versions, a file or (to "
             "train) their folder; npy, hdf5: uint8 images or ready features; packed: what judd pack "
             "wrote; texts (UTF-8): tsv: label<TAB>text a line; csv: RFC 4180; lines: a text a line, its "
             "label in the same line of labels; jsonl: an object a line"},
    {.name = "task", .type = JUDD_KEY_CHOICE, .offset = offsetof(judd_job_dataset, task),
     .fallback = "classification", .choices = "classification|multilabel|regression",
     .help = "classification: one class a sample; multilabel: any number of classes; regression: "
             "real numbers. The last two need a list (path<TAB>name,name or path<TAB>1.5<TAB>2), "
             "texts, npy or hdf5"},
    {.name = "train", .type = JUDD_KEY_GROUP, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_dataset, train), .table = &train_table,
     .help = "files to learn from"},
    {.name = "validation", .type = JUDD_KEY_GROUP,
     .offset = offsetof(judd_job_dataset, validation), .table = &validation_table,
     .help = "files to pick from grids by; without them heads use folds or validation_fraction"},
    {.name = "test", .type = JUDD_KEY_GROUP,
     .offset = offsetof(judd_job_dataset, test), .table = &test_table,
     .help = "files to judge by, touched once; without them test_fraction is needed"},
    {.name = "test_fraction", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_BELOW,
     .offset = offsetof(judd_job_dataset, test_fraction), .fallback = "0", .minimum = 0,
     .maximum = 1,
     .help = "without test: this share of every class of train is the test set"},
    {.name = "split_seed", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_dataset, split_seed),
     .fallback = "1", .minimum = 0, .maximum = 9007199254740991,
     .help = "draws the samples of test_fraction; the same for all seeds of the job"},
    {.name = "text_column", .type = JUDD_KEY_STRING,
     .offset = offsetof(judd_job_dataset, text_column),
     .help = "tsv, csv: number of the column, from 0 on (default 1), or its name in a head line, which "
             "is there if either column is given by name; jsonl: the key (default text)"},
    {.name = "label_column", .type = JUDD_KEY_STRING,
     .offset = offsetof(judd_job_dataset, label_column),
     .help = "the same for the label (default 0; jsonl: label); multilabel: names between commas"},
    {.name = "layout", .type = JUDD_KEY_CHOICE, .offset = offsetof(judd_job_dataset, layout),
     .fallback = "auto", .choices = "auto|channels_first|channels_last",
     .help = "npy, hdf5: which side of [n, a, b, c] is the channels; auto: the one of 1, 3 or 4"},
    {.name = "coarse", .type = JUDD_KEY_BOOL, .offset = offsetof(judd_job_dataset, coarse),
     .fallback = "false",
     .help = "cifar100: the 20 superclasses instead of the 100 classes"},
    {.name = "dct_side", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_dataset, dct_side),
     .fallback = "0", .minimum = 0, .maximum = 65535, .unit = "pixels",
     .help = "decode a JPEG at 1/2, 1/4 or 1/8 of its size as long as its shorter side is at least "
             "this: faster, but other pixels than Pillow's; 0: whole"},
    {.name = "classes", .type = JUDD_KEY_INTS, .flags = JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_dataset, classes), .minimum = 0, .maximum = 65535,
     .help = "labels that make up the task; empty: all; multilabel: columns of the targets"},
    {.name = "class_names", .type = JUDD_KEY_STRINGS,
     .offset = offsetof(judd_job_dataset, class_names),
     .help = "names of all classes of the files, in the order of their labels"},
    {.name = "views", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_dataset, views),
     .fallback = "1", .minimum = 1, .maximum = 1000, .unit = "rows",
     .help = "rows of every training image: the image as it is tested, then random resized crops, "
             "mirrored or not; the test set is never augmented"},
    {.name = "augment", .type = JUDD_KEY_GROUP, .table = &augment_table,
     .help = "how the views are drawn, as by torchvision's RandomResizedCrop and "
             "RandomHorizontalFlip"},
};
static const judd_key_table dataset_table = TABLE("a data set", dataset_keys, judd_job_dataset);

static const judd_key optimizer_keys[] = {
    {.name = "kind", .type = JUDD_KEY_CHOICE, .offset = offsetof(judd_job_head, optimizer.kind),
     .fallback = "sgd", .choices = "sgd|adamw|lbfgs",
     .help = "sgd: stochastic gradient descent with momentum; adamw: Adam with decoupled decay; "
             "lbfgs: to a stated gradient on all samples at once, the l2 strengths side by "
             "side, each from its finished neighbours"},
    {.name = "learning_rate", .type = JUDD_KEY_REALS,
     .flags = JUDD_KEY_ABOVE | JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_head, optimizer.learning_rate),
     .fallback = "0.01, 0.03, 0.1, 0.3, 1", .minimum = 0, .maximum = 1e6,
     .help = "step size of sgd and adamw; several values are a grid"},
    {.name = "momentum", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_BELOW,
     .offset = offsetof(judd_job_head, optimizer.momentum), .fallback = "0.9", .minimum = 0,
     .maximum = 1,
     .help = "sgd: share of the last step that is kept"},
    {.name = "nesterov", .type = JUDD_KEY_BOOL,
     .offset = offsetof(judd_job_head, optimizer.nesterov), .fallback = "false",
     .help = "sgd: look ahead along the momentum"},
    {.name = "beta1", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_BELOW,
     .offset = offsetof(judd_job_head, optimizer.beta1), .fallback = "0.9", .minimum = 0,
     .maximum = 1,
     .help = "adamw: share of the mean gradient that is kept"},
    {.name = "beta2", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_BELOW,
     .offset = offsetof(judd_job_head, optimizer.beta2), .fallback = "0.999", .minimum = 0,
     .maximum = 1,
     .help = "adamw: share of the mean square gradient that is kept"},
    {.name = "epsilon", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_head, optimizer.epsilon), .fallback = "1e-08", .minimum = 0,
     .maximum = 1,
     .help = "adamw: added to the root of the mean square gradient"},
    {.name = "clip", .type = JUDD_KEY_REAL,
     .offset = offsetof(judd_job_head, optimizer.clip), .fallback = "0", .minimum = 0,
     .maximum = 1e9,
     .help = "sgd, adamw: largest Euclidean norm of a head's gradient; 0: any"},
    {.name = "batch", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_head, optimizer.batch),
     .fallback = "256", .minimum = 1, .maximum = 1048576, .unit = "samples",
     .help = "samples per step, over all lanes"},
    {.name = "steps", .type = JUDD_KEY_INT, .offset = offsetof(judd_job_head, optimizer.steps),
     .fallback = "200", .minimum = 0, .maximum = 1e9, .unit = "steps",
     .help = "optimiser steps"},
    {.name = "schedule", .type = JUDD_KEY_CHOICE,
     .offset = offsetof(judd_job_head, optimizer.schedule), .fallback = "cosine",
     .choices = "constant|cosine|linear|step",
     .help = "how the step size falls: not at all, to 0 as a cosine or in a straight line, or by "
             "decay_factor every decay_steps"},
    {.name = "warmup_steps", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_head, optimizer.warmup_steps), .fallback = "0", .minimum = 0,
     .maximum = 1e9, .unit = "steps",
     .help = "steps over which the step size rises linearly before the schedule begins"},
    {.name = "decay_steps", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_head, optimizer.decay_steps), .fallback = "100", .minimum = 1,
     .maximum = 1e9, .unit = "steps",
     .help = "schedule step: steps between two falls"},
    {.name = "decay_factor", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_head, optimizer.decay_factor), .fallback = "0.1", .minimum = 0,
     .maximum = 1,
     .help = "schedule step: what the step size is multiplied by"},
    {.name = "reduce", .type = JUDD_KEY_CHOICE,
     .offset = offsetof(judd_job_head, optimizer.reduce), .fallback = "exact",
     .choices = "exact|float",
     .help = "sgd, adamw: sums of gradients. float: other bits at another number of ranks"},
    {.name = "patience", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_head, optimizer.patience), .fallback = "0", .minimum = 0,
     .maximum = 1e9, .unit = "looks",
     .help = "sgd, adamw: a head whose loss on validation samples has not fallen for so many looks "
             "stops, and what it was at the best look is the result, without a refit; 0: all steps "
             "are made. Needs the dataset's validation files or validation_fraction"},
    {.name = "watch_steps", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_head, optimizer.watch_steps), .fallback = "20", .minimum = 1,
     .maximum = 1e9, .unit = "steps",
     .help = "patience: steps between two looks"},
    {.name = "curve_steps", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_head, optimizer.curve_steps), .fallback = "0", .minimum = 0,
     .maximum = 1e9, .unit = "steps",
     .help = "sgd, adamw, one class a sample: the learning curve has the test accuracy every so many "
             "steps (nothing is chosen by it); 0: no curve"},
    {.name = "tolerance", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_head, optimizer.tolerance), .fallback = "1e-09", .minimum = 0,
     .maximum = 1,
     .help = "lbfgs: largest entry of the gradient of the mean loss at the end"},
    {.name = "max_iterations", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job_head, optimizer.max_iterations), .fallback = "10000",
     .minimum = 1, .maximum = 1e9, .unit = "iterations",
     .help = "lbfgs: most iterations a head takes"},
};
static const judd_key_table optimizer_table = TABLE("optimizer", optimizer_keys, judd_job_head);

#define TRAINED "softmax|mlp|multilabel|regression" /* by gradients */
#define FOLDED TRAINED "|ridge|lda"
#define LEARNED FOLDED "|centroid|knn"

static const judd_key head_keys[] = {
    {.name = "name", .type = JUDD_KEY_NAME, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_head, name),
     .help = "how experiments call it"},
    {.name = "kind", .type = JUDD_KEY_CHOICE, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_head, kind),
     .choices = "softmax|mlp|multilabel|regression|ridge|lda|centroid|knn|source",
     .help = "softmax: multinomial logistic regression; multilabel: logistic regression, label by "
             "label; regression: least squares; mlp: the same three with hidden layers, as the "
             "task has it. In closed form: ridge (classes as 0 and 1, or real targets), lda (linear "
             "discriminants), centroid (the nearest mean). knn: votes of the nearest samples. "
             "source: the network's own classifier, not trained"},
    {.name = "optimizer", .type = JUDD_KEY_GROUP, .kinds = TRAINED, .table = &optimizer_table,
     .help = "how the head is trained"},
    {.name = "hidden", .type = JUDD_KEY_INTS, .kinds = "mlp", .flags = JUDD_KEY_SOME,
     .offset = offsetof(judd_job_head, hidden), .fallback = "256", .minimum = 1, .maximum = 65536,
     .unit = "units",
     .help = "hidden layers, one to three, first layer first"},
    {.name = "activation", .type = JUDD_KEY_CHOICE, .kinds = "mlp",
     .offset = offsetof(judd_job_head, activation), .fallback = "relu", .choices = "relu|gelu",
     .help = "of the hidden layers"},
    {.name = "layer_norm", .type = JUDD_KEY_BOOL, .kinds = "mlp",
     .offset = offsetof(judd_job_head, layer_norm), .fallback = "false",
     .help = "every hidden layer's units brought to mean 0 and deviation 1 before the activation"},
    {.name = "dropout", .type = JUDD_KEY_REAL, .kinds = "mlp", .flags = JUDD_KEY_BELOW,
     .offset = offsetof(judd_job_head, dropout), .fallback = "0", .minimum = 0, .maximum = 1,
     .help = "share of the hidden units that a step leaves out"},
    {.name = "l2", .type = JUDD_KEY_REALS, .kinds = TRAINED,
     .flags = JUDD_KEY_SOME | JUDD_KEY_DISTINCT, .offset = offsetof(judd_job_head, l2),
     .fallback = "0", .minimum = 0, .maximum = 1e6,
     .help = "weight of half the squared norm in the loss, for adamw the decay; several values are "
             "a grid"},
    {.name = "l2", .type = JUDD_KEY_REALS, .kinds = "ridge",
     .flags = JUDD_KEY_SOME | JUDD_KEY_DISTINCT, .offset = offsetof(judd_job_head, l2),
     .fallback = "0.01, 0.1, 1, 10, 100, 1000, 10000, 100000", .minimum = 0, .maximum = 1e12,
     .help = "weight of the squared norm beside the sum of squared errors; several values are a "
             "grid"},
    {.name = "class_weights", .type = JUDD_KEY_CHOICE, .kinds = "softmax|mlp|multilabel",
     .offset = offsetof(judd_job_head, class_weights), .fallback = "none",
     .choices = "none|balanced",
     .help = "balanced: every class counts the same, however many samples it has; of labels, yes "
             "and no: a yes weighs noes / yeses (PyTorch's pos_weight), a no 1"},
    {.name = "label_smoothing", .type = JUDD_KEY_REAL, .kinds = "softmax|mlp",
     .flags = JUDD_KEY_BELOW, .offset = offsetof(judd_job_head, label_smoothing), .fallback = "0",
     .minimum = 0, .maximum = 1,
     .help = "share of every target that is spread evenly over the classes"},
    {.name = "covariance", .type = JUDD_KEY_CHOICE, .kinds = "lda",
     .offset = offsetof(judd_job_head, covariance), .fallback = "shrunk",
     .choices = "shrunk|ledoit-wolf",
     .help = "shrunk: by shrinkage; ledoit-wolf: each class's by what Ledoit and Wolf's formula "
             "finds in the data; shrinkage is not looked at"},
    {.name = "shrinkage", .type = JUDD_KEY_REALS, .kinds = "lda",
     .flags = JUDD_KEY_SOME | JUDD_KEY_DISTINCT, .offset = offsetof(judd_job_head, shrinkage),
     .fallback = "0.001, 0.01, 0.03, 0.1, 0.3, 0.6, 0.9", .minimum = 0, .maximum = 1,
     .help = "share of the covariance that is replaced by its mean variance; several values are a "
             "grid"},
    {.name = "metric", .type = JUDD_KEY_CHOICE, .kinds = "centroid",
     .offset = offsetof(judd_job_head, metric), .fallback = "euclidean",
     .choices = "euclidean|cosine",
     .help = "what makes a class's mean the nearest"},
    {.name = "k", .type = JUDD_KEY_INTS, .kinds = "knn", .flags = JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_head, k), .fallback = "1, 5, 10, 20, 100, 200", .minimum = 1,
     .maximum = 65536, .unit = "samples",
     .help = "neighbours that vote; several values are a grid"},
    {.name = "temperature", .type = JUDD_KEY_REAL, .kinds = "knn", .flags = JUDD_KEY_ABOVE,
     .offset = offsetof(judd_job_head, temperature), .fallback = "0.07", .minimum = 0,
     .maximum = 1e9,
     .help = "a vote counts exp(cosine / temperature)"},
    {.name = "class_map", .type = JUDD_KEY_INTS, .kinds = "source",
     .offset = offsetof(judd_job_head, class_map), .minimum = 0, .maximum = 1e9,
     .help = "output of the network for each class of the task; empty: by output_names, or the "
             "outputs are the classes of the files in their order"},
    {.name = "output_names", .type = JUDD_KEY_PATH, .kinds = "source",
     .offset = offsetof(judd_job_head, output_names),
     .help = "a file with the names of the network's outputs, a line each (more after a tab does "
             "not count): classes go to the output of the same name"},
    {.name = "standardize", .type = JUDD_KEY_BOOL, .kinds = LEARNED,
     .offset = offsetof(judd_job_head, standardize), .fallback = "true",
     .help = "by mean and deviation of the arm's own training features"},
    {.name = "transform", .type = JUDD_KEY_CHOICE, .kinds = LEARNED,
     .offset = offsetof(judd_job_head, transform), .fallback = "none",
     .choices = "none|pca|whiten",
     .help = "after standardising: pca: the directions of most variance in the training features; "
             "whiten: each of them divided by its deviation"},
    {.name = "components", .type = JUDD_KEY_INT, .kinds = LEARNED,
     .offset = offsetof(judd_job_head, components), .fallback = "0", .minimum = 0,
     .maximum = 65536, .unit = "directions",
     .help = "directions that transform keeps; 0: all that have variance"},
    {.name = "held_out", .type = JUDD_KEY_CHOICE, .kinds = "ridge",
     .offset = offsetof(judd_job_head, held_out), .fallback = "leave-one-out",
     .choices = "leave-one-out|folds",
     .help = "what picks from the grid: every training sample predicted by the model of all others, "
             "or of all other folds; exact, without training again. Views of an image: always folds"},
    {.name = "hold_out", .type = JUDD_KEY_CHOICE, .kinds = TRAINED "|lda|knn",
     .offset = offsetof(judd_job_head, hold_out), .fallback = "grid", .choices = "grid|always",
     .help = "grid: samples are held out only if there is a grid to pick from; always: also for a "
             "single point, which then has a held-out score (an experiment's guard needs one) and a "
             "temperature"},
    {.name = "folds", .type = JUDD_KEY_INT, .kinds = FOLDED,
     .offset = offsetof(judd_job_head, folds), .fallback = "5", .minimum = 2, .maximum = 100, .unit = "folds",
     .help = "cross-validation inside the shots picks from the grid, if nothing is set apart to "
             "validate on"},
    {.name = "validation_fraction", .type = JUDD_KEY_REAL, .kinds = LEARNED, .flags = JUDD_KEY_BELOW,
     .offset = offsetof(judd_job_head, validation_fraction), .fallback = "0", .minimum = 0,
     .maximum = 1,
     .help = "share of every class's training samples, drawn by the seed, that is not trained on but "
             "picks from the grid; 0: folds. A dataset's own validation files come first"},
    {.name = "refit", .type = JUDD_KEY_BOOL, .kinds = LEARNED, .offset = offsetof(judd_job_head, refit),
     .fallback = "true",
     .help = "train the pick again on training and validation samples before it sees the test set"},
};
static const judd_key_table head_table = TABLE("a head", head_keys, judd_job_head);

static const judd_key experiment_keys[] = {
    {.name = "name", .type = JUDD_KEY_NAME, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_experiment, name),
     .help = "how the records call it"},
    {.name = "mode", .type = JUDD_KEY_CHOICE, .offset = offsetof(judd_job_experiment, mode),
     .fallback = "backbone", .choices = "backbone|warm|joint|sequence",
     .help = "backbone: a frozen backbone against the baseline, each under its own head; warm: a head "
             "that starts from the one trained on the source against a fresh one; joint: source and "
             "target samples together against the target alone; sequence: the targets in turn, each "
             "after those before it against it alone, and what is left of the earlier ones"},
    {.name = "source", .type = JUDD_KEY_STRING, .kinds = "backbone", .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_experiment, source),
     .help = "what the backbone learned from; a name for the records. auto: of the backbones, only the "
             "best by score"},
    {.name = "source", .type = JUDD_KEY_STRING, .kinds = "warm|joint", .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_experiment, source),
     .help = "the data set to transfer from"},
    {.name = "target", .type = JUDD_KEY_STRINGS,
     .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_experiment, target),
     .help = "data sets to transfer to; sequence: the tasks in their order"},
    {.name = "backbone", .type = JUDD_KEY_STRINGS,
     .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_experiment, backbone),
     .help = "the arm that transfers; of a list, each against the baseline. auto (mode backbone): of "
             "all backbones of the job but the baseline, only the best by score"},
    {.name = "score", .type = JUDD_KEY_CHOICE, .kinds = "backbone",
     .offset = offsetof(judd_job_experiment, score), .fallback = "none",
     .choices = "none|logme|leep|nce|h|regularised_h|transrate|ridge|centroid",
     .help = "other than none: for each target and shot count only the best backbone by this "
             "transferability score of the training samples of the first seed; with auto, none means "
             "logme"},
    {.name = "baseline", .type = JUDD_KEY_NAME, .kinds = "backbone", .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job_experiment, baseline),
     .help = "the arm it is compared with"},
    {.name = "head", .type = JUDD_KEY_STRINGS,
     .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_experiment, head),
     .help = "the head of both arms; of a list, each in turn"},
    {.name = "guard", .type = JUDD_KEY_BOOL, .offset = offsetof(judd_job_experiment, guard),
     .fallback = "false",
     .help = "judge a guarded choice too, as a line of kind guard: seed by seed the transfer where "
             "its pick scores strictly higher than the baseline's on held-out samples of the target's "
             "training data, else, also where nothing can be held out (1 shot), the baseline"},
    {.name = "shots", .type = JUDD_KEY_INTS, .flags = JUDD_KEY_SOME | JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_experiment, shots), .fallback = "0", .minimum = 0, .maximum = 1e9,
     .unit = "samples",
     .help = "training samples per class, in multilabel and regression tasks in total; 0: all"},
    {.name = "source_shots", .type = JUDD_KEY_INT, .kinds = "warm|joint",
     .offset = offsetof(judd_job_experiment, source_shots), .fallback = "0", .minimum = 0,
     .maximum = 1e9, .unit = "samples",
     .help = "training samples per class of the source; 0: all"},
    {.name = "source_head", .type = JUDD_KEY_NAME, .kinds = "warm",
     .offset = offsetof(judd_job_experiment, source_head),
     .help = "the head that learns the source; default: the same head"},
    {.name = "labels", .type = JUDD_KEY_CHOICE, .kinds = "warm",
     .offset = offsetof(judd_job_experiment, labels), .fallback = "names",
     .choices = "names|position|none",
     .help = "which class of the target inherits from which of the source: of the same name; in the "
             "same place; none: hidden layers only"},
    {.name = "labels", .type = JUDD_KEY_CHOICE, .kinds = "joint",
     .offset = offsetof(judd_job_experiment, labels), .fallback = "names",
     .choices = "names|position",
     .help = "which class of the target a class of the source is: of the same name; in the same place"},
    {.name = "labels", .type = JUDD_KEY_CHOICE, .kinds = "sequence",
     .offset = offsetof(judd_job_experiment, labels), .fallback = "names",
     .choices = "names|position|union",
     .help = "names: all tasks have the same classes, by name; position: as many, in the same places; "
             "union: the head tells all classes of all tasks apart"},
    {.name = "label_map", .type = JUDD_KEY_STRINGS, .kinds = "warm|joint", .flags = JUDD_KEY_DISTINCT,
     .offset = offsetof(judd_job_experiment, label_map),
     .help = "classes whose names differ, as \"class of the source=class of the target\"; with "
             "nothing behind the sign the class is left out"},
    {.name = "l2_sp", .type = JUDD_KEY_REAL, .kinds = "warm|sequence",
     .offset = offsetof(judd_job_experiment, l2_sp), .fallback = "0", .minimum = 0, .maximum = 1e9,
     .help = "strength of the pull of what was inherited towards where it started (L2-SP), in place "
             "of l2; 0: none, l2 acts on everything"},
    {.name = "weight", .type = JUDD_KEY_REAL, .kinds = "joint",
     .offset = offsetof(judd_job_experiment, weight), .fallback = "1", .minimum = 0, .maximum = 1e6,
     .help = "of the source's mean loss, where the target's has 1"},
    {.name = "weight", .type = JUDD_KEY_REAL, .kinds = "sequence",
     .offset = offsetof(judd_job_experiment, weight), .fallback = "1", .minimum = 0, .maximum = 1e6,
     .help = "of the mean loss of rehearsed samples, where the new task's has 1"},
    {.name = "weight_schedule", .type = JUDD_KEY_CHOICE, .kinds = "joint",
     .offset = offsetof(judd_job_experiment, weight_schedule), .fallback = "constant",
     .choices = "constant|linear|cosine",
     .help = "how the weight falls to 0 over the steps, if it does"},
    {.name = "label_noise", .type = JUDD_KEY_REAL, .kinds = "joint",
     .offset = offsetof(judd_job_experiment, label_noise), .fallback = "0", .minimum = 0, .maximum = 1,
     .help = "share of the source's training labels that are replaced by another class, to make a "
             "source harmful on purpose"},
    {.name = "rehearsal", .type = JUDD_KEY_REAL, .kinds = "sequence",
     .offset = offsetof(judd_job_experiment, rehearsal), .fallback = "0", .minimum = 0, .maximum = 1,
     .help = "share of each earlier task's training samples that stays in training"},
};
static const judd_key_table experiment_table =
    TABLE("an experiment", experiment_keys, judd_job_experiment);

static const judd_key limits_keys[] = {
    {.name = "memory_mib", .type = JUDD_KEY_INT, .offset = offsetof(judd_job, limits.memory_mib),
     .fallback = "4096", .minimum = 16, .maximum = 1073741824, .unit = "MiB",
     .help = "features a rank keeps in memory; more are read from the cache as they are needed"},
    {.name = "threads", .type = JUDD_KEY_INT, .offset = offsetof(judd_job, limits.threads),
     .fallback = "0", .minimum = 0, .maximum = 1024, .unit = "threads",
     .help = "threads a rank may use; 0: one for each core of its share of the node"},
    {.name = "checkpoint_s", .type = JUDD_KEY_REAL,
     .offset = offsetof(judd_job, limits.checkpoint_s), .fallback = "60", .minimum = 0,
     .maximum = 1e9, .unit = "seconds",
     .help = "time between checkpoints"},
    {.name = "checkpoint_steps", .type = JUDD_KEY_INT,
     .offset = offsetof(judd_job, limits.checkpoint_steps), .fallback = "0", .minimum = 0,
     .maximum = 1e9, .unit = "steps",
     .help = "steps between checkpoints; 0: by time only"},
    {.name = "groups", .type = JUDD_KEY_INT, .offset = offsetof(judd_job, limits.groups),
     .fallback = "0", .minimum = 0, .maximum = 1e6, .unit = "groups",
     .help = "groups of ranks that train heads side by side; 0: by expected time and memory"},
    {.name = "watchdog_s", .type = JUDD_KEY_REAL, .offset = offsetof(judd_job, limits.watchdog_s),
     .fallback = "600", .minimum = 0, .maximum = 1e9, .unit = "seconds",
     .help = "a rank that gives no sign for so long ends the job; 0: never"},
    {.name = "max_bad_fraction", .type = JUDD_KEY_REAL,
     .offset = offsetof(judd_job, limits.max_bad_fraction), .fallback = "0.001", .minimum = 0,
     .maximum = 1,
     .help = "images that cannot be decoded are left out, but no more of them than this"},
};
static const judd_key_table limits_table = TABLE("limits", limits_keys, judd_job);

static const judd_key verdict_keys[] = {
    {.name = "margin", .type = JUDD_KEY_REAL, .flags = JUDD_KEY_ABOVE | JUDD_KEY_BELOW,
     .offset = offsetof(judd_job, verdict.margin), .fallback = "0.005", .minimum = 0, .maximum = 1,
     .help = "gains within it on either side count as none; a fraction"},
    {.name = "seeds", .type = JUDD_KEY_INT, .flags = JUDD_KEY_AUTO,
     .offset = offsetof(judd_job, verdict.seeds), .fallback = "10", .minimum = 1, .maximum = 1000, .unit = "seeds",
     .help = "repetitions by which gains are paired; auto: after 5, 10, 20, 40 .. of them each "
             "comparison is looked at and stops as soon as it is decided; its p-values count once "
             "for each planned look, so the looks cost no error"},
    {.name = "max_seeds", .type = JUDD_KEY_INT, .offset = offsetof(judd_job, verdict.max_seeds),
     .fallback = "40", .minimum = 1, .maximum = 1000, .unit = "seeds",
     .help = "seeds = \"auto\": the last look"},
};
static const judd_key_table verdict_table = TABLE("verdict", verdict_keys, judd_job);

static const judd_key job_keys[] = {
    {.name = "schema", .type = JUDD_KEY_INT, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job, schema), .minimum = 1, .maximum = 1,
     .help = "version of this format"},
    {.name = "name", .type = JUDD_KEY_NAME, .flags = JUDD_KEY_REQUIRED,
     .offset = offsetof(judd_job, name),
     .help = "name of the job"},
    {.name = "seed", .type = JUDD_KEY_INT, .offset = offsetof(judd_job, seed), .fallback = "1",
     .minimum = 0,
     .maximum = 9007199254740991, /* exact in JSON readers that know doubles only */
     .help = "every random choice follows from it"},
    {.name = "lanes", .type = JUDD_KEY_INT, .offset = offsetof(judd_job, lanes), .fallback = "16",
     .minimum = 1, .maximum = 4096, .unit = "lanes",
     .help = "virtual ranks: the most ranks a head can use; results depend on it, not on ranks"},
    {.name = "output", .type = JUDD_KEY_FOLDER, .flags = JUDD_KEY_SILENT,
     .offset = offsetof(judd_job, output),
     .help = "folder of the results, from the working directory; default runs/NAME"},
    {.name = "cache", .type = JUDD_KEY_FOLDER, .flags = JUDD_KEY_SILENT,
     .offset = offsetof(judd_job, cache),
     .help = "folder of the features, from the working directory; default $JUDD_CACHE, else "
              "$XDG_CACHE_HOME/judd, else ~/.cache/judd"},
    {.name = "tensorboard", .type = JUDD_KEY_BOOL, .flags = JUDD_KEY_SILENT,
     .offset = offsetof(judd_job, tensorboard), .fallback = "false",
     .help = "event files of every training in OUTPUT/tensorboard: losses by step, test metrics"},
    {.name = "limits", .type = JUDD_KEY_GROUP, .flags = JUDD_KEY_SILENT, .table = &limits_table,
     .help = "what the run may use; never changes results"},
    {.name = "verdict", .type = JUDD_KEY_GROUP, .table = &verdict_table,
     .help = "when a transfer counts as positive or negative"},
    {.name = "backbones", .type = JUDD_KEY_LIST, .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME,
     .offset = offsetof(judd_job, backbones), .count_offset = offsetof(judd_job, n_backbones),
     .table = &backbone_table,
     .help = "what turns samples into features"},
    {.name = "datasets", .type = JUDD_KEY_LIST, .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME,
     .offset = offsetof(judd_job, datasets), .count_offset = offsetof(judd_job, n_datasets),
     .table = &dataset_table,
     .help = "tasks to transfer to"},
    {.name = "heads", .type = JUDD_KEY_LIST, .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME,
     .offset = offsetof(judd_job, heads), .count_offset = offsetof(judd_job, n_heads),
     .table = &head_table,
     .help = "what is trained on the features"},
    {.name = "experiments", .type = JUDD_KEY_LIST, .flags = JUDD_KEY_REQUIRED | JUDD_KEY_SOME,
     .offset = offsetof(judd_job, experiments), .count_offset = offsetof(judd_job, n_experiments),
     .table = &experiment_table,
     .help = "questions to answer"},
};
static const judd_key_table job_table = TABLE("the job", job_keys, judd_job);
/* clang-format on */

enum { SUGGEST_LENGTH = 64 }; /* longer words are near nothing */

const judd_key_table *judd_keys_job(void) {
    return &job_table;
}

const judd_key *judd_keys_find(const judd_key_table *table, const char *name) {
    for (int i = 0; i < table->n_keys; i++)
        if (strcmp(table->keys[i].name, name) == 0) return &table->keys[i];
    return NULL;
}

/* Whether `name` is among names split by '|'. */
static bool is_among(const char *names, const char *name) {
    size_t n = strlen(name);
    for (const char *c = names; *c; c += strcspn(c, "|"), c += *c == '|')
        if (strcspn(c, "|") == n && memcmp(c, name, n) == 0) return true;
    return false;
}

const char *judd_keys_kind(const judd_key_table *table, const void *base) {
    const judd_key *key = judd_keys_find(table, "kind");
    if (!key) key = judd_keys_find(table, "mode");
    const char *kind = NULL;
    if (key) memcpy(&kind, (const char *)base + key->offset, sizeof kind);
    return kind ? kind : "";
}

bool judd_keys_applies(const judd_key *key, const judd_key_table *table, const void *base) {
    return !key->kinds || is_among(key->kinds, judd_keys_kind(table, base));
}

bool judd_keys_applies_by_name(const char *name, const judd_key_table *table, const void *base) {
    for (int i = 0; i < table->n_keys; i++)
        if (strcmp(table->keys[i].name, name) == 0 &&
            judd_keys_applies(&table->keys[i], table, base))
            return true;
    return false;
}

judd_key_type judd_keys_element(judd_key_type type) {
    if (type == JUDD_KEY_INTS) return JUDD_KEY_INT;
    if (type == JUDD_KEY_REALS) return JUDD_KEY_REAL;
    if (type == JUDD_KEY_STRINGS) return JUDD_KEY_STRING;
    return type;
}

size_t judd_keys_size(judd_key_type element) {
    if (element == JUDD_KEY_INT) return sizeof(int64_t);
    if (element == JUDD_KEY_REAL) return sizeof(double);
    if (element == JUDD_KEY_BOOL) return sizeof(bool);
    return sizeof(char *);
}

static int lower(char c) {
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Insertions, deletions, substitutions and swaps of neighbours, blind to case: Damerau 1964,
 * as optimal string alignment. */
static int distance(const char *a, const char *b) {
    int n = (int)strnlen(a, SUGGEST_LENGTH + 1), m = (int)strnlen(b, SUGGEST_LENGTH + 1);
    if (n > SUGGEST_LENGTH || m > SUGGEST_LENGTH) return SUGGEST_LENGTH;
    int rows[3][SUGGEST_LENGTH + 1]; /* rows i - 2, i - 1 and i, in turn */
    for (int j = 0; j <= m; j++) rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int same = lower(a[i - 1]) == lower(b[j - 1]);
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + !same);
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], second[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

void judd_keys_suggest(char out[JUDD_KEY_SUGGESTION], const char *word, const char *const *names,
                       int64_t n_names) {
    const char *nearest = NULL;
    int best = SUGGEST_LENGTH;
    for (int64_t i = 0; i < n_names; i++) {
        int d = distance(word, names[i]);
        if (d >= best) continue;
        best = d;
        nearest = names[i];
    }
    int length = (int)strnlen(word, SUGGEST_LENGTH);
    if (nearest && best <= (length < 3 ? 1 : (length + 2) / 3)) {
        snprintf(out, JUDD_KEY_SUGGESTION, "; did you mean \"%s\"?", nearest);
        return;
    }
    int used = snprintf(out, JUDD_KEY_SUGGESTION, n_names > 0 ? "; known: " : "; none is known");
    for (int64_t i = 0; i < n_names; i++) {
        int room = JUDD_KEY_SUGGESTION - used;
        int more = snprintf(out + used, (size_t)room, "%s%s", i > 0 ? ", " : "", names[i]);
        if (more >= room - 5) { /* keep room for the dots */
            snprintf(out + used, (size_t)room, ", ...");
            break;
        }
        used += more;
    }
}

void judd_keys_suggest_key(char out[JUDD_KEY_SUGGESTION], const char *word,
                           const judd_key_table *table) {
    const char *names[JUDD_KEY_NAME_LENGTH];
    int n = 0;
    for (int i = 0; i < table->n_keys && n < JUDD_KEY_NAME_LENGTH; i++)
        if (judd_keys_find(table, table->keys[i].name) == &table->keys[i])
            names[n++] = table->keys[i].name;
    judd_keys_suggest(out, word, names, n);
}

void judd_keys_example(char *out, size_t size, const judd_key *key) {
    int n = key->choices ? (int)strcspn(key->choices, "|") : 0;
    switch (key->type) {
    case JUDD_KEY_INT:
    case JUDD_KEY_REAL:
        if (key->fallback)
            snprintf(out, size, "%s = %s", key->name, key->fallback);
        else
            snprintf(out, size, "%s = %.17g", key->name, key->minimum);
        break;
    case JUDD_KEY_BOOL:
        snprintf(out, size, "%s = true", key->name);
        break;
    case JUDD_KEY_CHOICE:
        if (key->fallback)
            snprintf(out, size, "%s = \"%s\"", key->name, key->fallback);
        else
            snprintf(out, size, "%s = \"%.*s\"", key->name, n, key->choices);
        break;
    case JUDD_KEY_STRING:
    case JUDD_KEY_NAME:
    case JUDD_KEY_PATH:
    case JUDD_KEY_FOLDER:
        snprintf(out, size, "%s = \"...\"", key->name);
        break;
    case JUDD_KEY_INTS:
        snprintf(out, size, "%s = [5, 20]", key->name);
        break;
    case JUDD_KEY_REALS:
        snprintf(out, size, "%s = [0.01, 0.1]", key->name);
        break;
    case JUDD_KEY_STRINGS:
        snprintf(out, size, "%s = [\"...\"]", key->name);
        break;
    case JUDD_KEY_GROUP:
        snprintf(out, size, "%s = { ... }", key->name);
        break;
    case JUDD_KEY_LIST:
        snprintf(out, size, "%s = ( { ... } )", key->name);
        break;
    }
}

void judd_keys_range(char *out, size_t size, const judd_key *key) {
    judd_key_type element = judd_keys_element(key->type);
    const char *unit = key->unit ? key->unit : "";
    out[0] = '\0';
    if (element != JUDD_KEY_INT && element != JUDD_KEY_REAL) return;
    if (key->minimum == key->maximum)
        snprintf(out, size, "%.16g", key->minimum);
    else
        snprintf(out, size, "%s %.16g and %s %.16g%s%s",
                 key->flags & JUDD_KEY_ABOVE ? "above" : "at least", key->minimum,
                 key->flags & JUDD_KEY_BELOW ? "below" : "at most", key->maximum,
                 unit[0] ? " " : "", unit);
}

static const char *type_name(judd_key_type type) {
    switch (type) {
    case JUDD_KEY_INT:
        return "integer";
    case JUDD_KEY_REAL:
        return "real";
    case JUDD_KEY_BOOL:
        return "true or false";
    case JUDD_KEY_STRING:
        return "string";
    case JUDD_KEY_NAME:
        return "name";
    case JUDD_KEY_CHOICE:
        return "choice";
    case JUDD_KEY_PATH:
        return "input path";
    case JUDD_KEY_FOLDER:
        return "folder";
    case JUDD_KEY_INTS:
        return "integers";
    case JUDD_KEY_REALS:
        return "reals";
    case JUDD_KEY_STRINGS:
        return "strings";
    case JUDD_KEY_GROUP:
        return "group";
    case JUDD_KEY_LIST:
        return "list of groups";
    }
    return "";
}

/* names split by '|' as a list */
static void write_names(FILE *file, const char *names, const char *quote) {
    for (const char *c = names; c && *c; c += strcspn(c, "|"), c += *c == '|')
        fprintf(file, "%s%s%.*s%s", c == names ? "" : ", ", quote, (int)strcspn(c, "|"), c, quote);
}

static void write_row(FILE *file, const judd_key *key, bool has_kinds) {
    judd_key_type element = judd_keys_element(key->type);
    const char *quote = element >= JUDD_KEY_STRING && element <= JUDD_KEY_FOLDER ? "\"" : "";
    const char *open = element == key->type ? "" : "[", *close = element == key->type ? "" : "]";
    char range[128];
    fprintf(file, "| `%s` | %s%s | ", key->name, type_name(key->type),
            key->flags & JUDD_KEY_AUTO ? " or `\"auto\"`" : "");
    if (key->flags & JUDD_KEY_REQUIRED)
        fputs("required", file);
    else if (key->fallback)
        fprintf(file, "`%s%s%s%s%s`", open, quote, key->fallback, quote, close);
    judd_keys_range(range, sizeof range, key);
    fprintf(file, " | %s", range);
    write_names(file, key->choices, "`");
    fputs(" | ", file);
    if (has_kinds) write_names(file, key->kinds ? key->kinds : "all", "");
    fprintf(file, "%s%s |\n", has_kinds ? " | " : "", key->help);
}

static void write_table(FILE *file, const judd_key_table *table, const char *path) {
    bool has_kinds = false;
    for (int i = 0; i < table->n_keys; i++) has_kinds |= table->keys[i].kinds != NULL;
    fprintf(file,
            "\n### %s\n\n| key | type | default | values |%s meaning |\n| --- | --- | --- | ---%s "
            "| --- |\n",
            path[0] ? path : table->title, has_kinds ? " of |" : "", has_kinds ? " | ---" : "");
    for (int i = 0; i < table->n_keys; i++) write_row(file, &table->keys[i], has_kinds);
    for (int i = 0; i < table->n_keys; i++) {
        const judd_key *key = &table->keys[i];
        char inner[128];
        if (!key->table) continue;
        snprintf(inner, sizeof inner, "%s%s%s%s", path, path[0] ? "." : "", key->name,
                 key->type == JUDD_KEY_LIST ? "[]" : "");
        write_table(file, key->table, inner);
    }
}

judd_status judd_keys_write(FILE *file) {
    write_table(file, &job_table, "");
    if (fflush(file) != 0 || ferror(file))
        return judd_status_set(JUDD_E_IO, "key table: cannot write: %s", strerror(errno));
    return JUDD_OK;
}
