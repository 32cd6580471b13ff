/** Settings -> structs by the option tables: keys, types, ranges, defaults; and back to freed. */
#ifndef JUDD_SRC_JOB_FILL_H
#define JUDD_SRC_JOB_FILL_H

#include "job/keys.h"
#include "job/source.h"

enum { JUDD_FILL_PATH = 256 };

/** Fill `base`, a zeroed struct of `table`, from `group`. What was allocated before a failure stays
 *  in the struct: free it by judd_fill_clear. */
judd_status judd_fill_group(void *base, const judd_key_table *table, config_setting_t *group);
void judd_fill_clear(void *base, const judd_key_table *table);

/** "heads.linear.optimizer" of a setting, as --set would name it; "the job" for the root. */
void judd_fill_path(char out[JUDD_FILL_PATH], const config_setting_t *setting);

/** Groups of a LIST setting; a single group is a list of one. */
int judd_fill_elements(const config_setting_t *setting);
config_setting_t *judd_fill_element(config_setting_t *setting, int index);

#endif
