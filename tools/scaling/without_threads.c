/* What Judd has threads for, where there are none: nobody watches, and rows lie in memory. */
#include "learn/row_ahead.h"

#include <judd/comm/watchdog.h>

void judd_watchdog_beat(judd_watchdog *watchdog) {
    (void)watchdog;
}

void judd_watchdog_wait(judd_watchdog *watchdog) {
    (void)watchdog;
}

judd_status judd_row_ahead_open(judd_row_ahead **out, const judd_rows *rows, int64_t capacity,
                                int64_t first_block, judd_row_stream_plan *plan, void *context) {
    (void)rows, (void)capacity, (void)first_block, (void)plan, (void)context;
    *out = NULL;
    return judd_status_set(JUDD_E_INTERNAL, "no thread to read rows ahead; keep them in memory");
}

judd_status judd_row_ahead_next(judd_row_ahead *ahead, judd_row_block *block) {
    (void)ahead;
    *block = (judd_row_block){0};
    return JUDD_OK;
}

void judd_row_ahead_close(judd_row_ahead *ahead) {
    (void)ahead;
}
