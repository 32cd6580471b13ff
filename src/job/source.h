/** A configuration text with its @include lines expanded, parsed by libconfig, and where each
 * setting came from. libconfig 1.5 knows one include folder and no origin of included lines, cuts
 * plain integers to 32 bits, refuses [0, 0.5] and recurses without limit; so includes are expanded
 * here and the text is checked and normalised (scan.h) before libconfig sees it.
 */
#ifndef JUDD_SRC_JOB_SOURCE_H
#define JUDD_SRC_JOB_SOURCE_H

#include <judd/base/status.h>

#include <libconfig.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    JUDD_WHERE_SIZE = 512,
    JUDD_SOURCE_BYTES = 16 << 20, /* of all files together */
    JUDD_SOURCE_INCLUDES = 10     /* depth of @include */
};

typedef struct judd_source judd_source;

/** Read, expand and parse a file. Errors: JUDD_E_CONFIG with file:line, JUDD_E_IO. */
judd_status judd_source_open(judd_source **out, const char *path);
/** The same for a text; `name` stands for the path in messages; relative paths in it are relative
 *  to the working directory. */
judd_status judd_source_open_text(judd_source **out, const char *text, const char *name);
/** An override "path.to.key=value": the tree has one member, "value". What does not parse as a
 *  libconfig value is a string. */
judd_status judd_source_open_override(judd_source **out, const char *assignment);
void judd_source_close(judd_source *source);

/** Root group of the parsed text. Owner: the source. */
config_setting_t *judd_source_root(const judd_source *source);

/** "file:line" (or "--set path=value") of a line of the expanded text, counted from 1. */
void judd_source_line(char where[JUDD_WHERE_SIZE], const judd_source *source, int64_t line);

/* A setting knows its source: its own hook if it came from an override, else the root's hook. */

/** Whether an @include of this name would be found in the presets. */
bool judd_source_has_preset(const char *name);

/** Place of a setting, for messages. */
void judd_source_where(char where[JUDD_WHERE_SIZE], const config_setting_t *setting);
/** Folder that relative paths of this setting start from: "" or ending in '/'. */
const char *judd_source_folder(const config_setting_t *setting);
/** The text after '=' if the setting came from an override, else NULL. */
const char *judd_source_raw(const config_setting_t *setting);

#endif
