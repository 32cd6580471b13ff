/** What judd init finds out about a network or a file of word vectors. */
#ifndef JUDD_SRC_CLI_INIT_MODEL_H
#define JUDD_SRC_CLI_INIT_MODEL_H

#include "cli/init_data.h"

#include <judd/job/job.h>

typedef struct judd_init_model {
    const char *path; /* borrowed */
    char *name;       /* safe in a job; owned */
    char *preset;     /* "backbones/NAME.cfg", guessed from the file's name; NULL: none; owned */
    int channels, height, width; /* of a network's images */
    bool fixed;                  /* the file says so itself */
    const char *tap;             /* "penultimate", or "logits" where there is none */
    bool pool;                   /* the tapped value is a map: its mean is taken */
    int64_t dim;                 /* features, or numbers of a word's vector */
    char producer[32];
} judd_init_model;

/** A network for images, word vectors for texts. Collective. Owner: caller, judd_init_model_free,
 *  also after a failure. */
judd_status judd_init_model_look(judd_init_model *model, const char *path,
                                 const judd_init_data *data, const judd_comm *comm);
void judd_init_model_free(judd_init_model *model);

/** Whether the images of a backbone, as its preset prepares them, are what the network takes. */
bool judd_init_model_takes(const judd_init_model *model, const judd_job_backbone *backbone);

/** A file's name without folder and endings, made safe for a job. Owner: caller, free(). */
judd_status judd_init_name(char **name, const char *path);

#endif
