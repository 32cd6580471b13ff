#include "job/versions.h"

#include <judd/engine/engine.h>
#include <judd/job/libraries.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *files_of(const judd_inputs *in) {
    json_t *files = json_object();
    for (int64_t i = 0; i < in->n_splits; i++)
        json_object_set_new(files, in->split_options[i].images,
                            json_string(judd_dataset_info_of(in->splits[i])->sha256));
    return files;
}

static json_t *models_of(const judd_inputs *in) {
    json_t *models = json_object();
    for (int64_t b = 0; b < in->job->n_backbones; b++)
        if (in->job->backbones[b].file)
            json_object_set_new(models, in->job->backbones[b].file,
                                json_string(in->models[b].sha256));
    return models;
}

/* The CPU as Linux names it; "" elsewhere. */
static json_t *cpu_name(void) {
    char line[256], name[200] = "";
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file && !name[0] && fgets(line, sizeof line, file))
        if (sscanf(line, "model name%*[ \t:]%199[^\n]", name) != 1) name[0] = 0;
    if (file) fclose(file);
    json_t *text = json_string(name);
    return text ? text : json_string(""); /* no UTF-8 */
}

judd_status judd_versions_write(judd_output *output, const judd_inputs *inputs) {
    judd_status status = JUDD_OK;
    json_t *root = json_object(), *libraries = json_object();
    char *text = NULL, names[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT],
         versions[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT];
    judd_libraries_list(names, versions);
    for (int i = 0; i < JUDD_N_LIBRARIES; i++)
        json_object_set_new(libraries, names[i], json_string(versions[i]));
    json_object_set_new(root, "judd", json_string(JUDD_VERSION));
    json_object_set_new(root, "libraries", libraries);
    json_object_set_new(root, "cpu", cpu_name());
    json_object_set_new(root, "instruction_set",
                        json_string(judd_engine_isa_name(judd_engine_isa(JUDD_FLOAT32))));
    json_object_set_new(root, "images_sha256", files_of(inputs));
    json_object_set_new(root, "models_sha256", models_of(inputs));
    text = json_dumps(root, JSON_INDENT(2));
    if (!text) JUDD_FAIL(JUDD_E_INTERNAL, "versions: no memory, or a path is not UTF-8");
    JUDD_TRY(judd_output_write(output, "versions.json", text));
done:
    json_decref(root);
    free(text);
    return status;
}
