/* Labelled texts: the first byte says which format and task, a NUL stands before the file of labels
 * or classes if there is one. Texts go through both rules of tokens. */
#include "fuzz/fuzz.h"

#include <judd/data/dataset.h>
#include <judd/text/tokens.h>

#include <string.h>

static void cut(const judd_dataset *dataset, const char *rule) {
    judd_tokens *tokens = NULL;
    const judd_tokens_options o = {.rule = rule, .lowercase = true};
    const char *text = NULL, *word = NULL;
    int64_t bytes = 0;
    if (judd_tokens_create(&tokens, &o) != JUDD_OK) return;
    for (int64_t i = 0; i < judd_dataset_info_of(dataset)->n_samples && i < 8; i++)
        if (judd_dataset_text(dataset, i, &text, &bytes) == JUDD_OK &&
            judd_tokens_begin(tokens, text, bytes) == JUDD_OK)
            while (judd_tokens_next(tokens, &word, &bytes)) {}
    judd_tokens_destroy(tokens);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n) {
    static const char *const formats[] = {"tsv", "csv", "lines", "jsonl"};
    judd_dataset *dataset = NULL;
    if (n == 0) return 0;
    int format = data[0] % 4, task = data[0] / 4 % 3;
    bool head = data[0] / 16 % 2 && format < 2;
    const uint8_t *text = data + 1;
    const uint8_t *zero = format == 2 || data[0] / 32 % 2 ? memchr(text, 0, n - 1) : NULL;
    size_t length = zero ? (size_t)(zero - text) : n - 1;
    const char *labels = zero ? fuzz_file_named("labels", zero + 1, n - 2 - length) : NULL;
    const judd_dataset_options o = {.format = formats[format],
                                    .images = fuzz_file(text, length),
                                    .labels = labels,
                                    .text_column = head ? "text" : NULL,
                                    .label_column = head ? "label" : NULL,
                                    .task = (judd_task_kind)task};
    if (judd_dataset_open(&dataset, fuzz_comm(), &o) == JUDD_OK) {
        fuzz_taken();
        cut(dataset, "whitespace");
        cut(dataset, "words");
    }
    judd_dataset_close(dataset);
    return 0;
}
