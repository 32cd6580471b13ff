/** The libraries this program runs with, and their versions as they say themselves. */
#ifndef JUDD_JOB_LIBRARIES_H
#define JUDD_JOB_LIBRARIES_H

enum { JUDD_N_LIBRARIES = 11, JUDD_LIBRARY_TEXT = 128 };

/** Names and versions at run time. Local. */
void judd_libraries_list(char names[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT],
                         char versions[JUDD_N_LIBRARIES][JUDD_LIBRARY_TEXT]);

#endif
