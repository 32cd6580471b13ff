/** Status codes and the message that goes with them.
 *
 * Every function that can fail returns a judd_status. The code is the exit code the program would
 * end with; the message (place, fact, remedy) is kept per thread until the next failure, as errno
 * is. It is the one piece of state that is not passed as an argument.
 */
#ifndef JUDD_BASE_STATUS_H
#define JUDD_BASE_STATUS_H

/** Values are the exit codes of the program (sysexits.h, and 75 = "run again"). */
typedef enum judd_status {
    JUDD_OK = 0,
    JUDD_E_USAGE = 64,      /* wrong command line */
    JUDD_E_DATA = 65,       /* bad data set or model file */
    JUDD_E_DEGENERATE = 66, /* no answer for these samples; a job goes on without the training, and
                               the program never ends with it, but with 65 */
    JUDD_E_INTERNAL = 70,   /* a broken invariant, no memory, an expired watchdog on one host */
    JUDD_E_IO = 74,         /* the operating system refused input or output */
    JUDD_E_AGAIN = 75,      /* no fault of the job: run the same command again */
    JUDD_E_CONFIG = 78      /* bad job file */
} judd_status;

enum { JUDD_MESSAGE_SIZE = 1024 };

/** Store the message (place, fact, remedy; one line) for this thread and return `code`. */
judd_status judd_status_set(judd_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Put "context: " in front of the stored message; returns `code` unchanged (JUDD_OK: no effect).
 */
judd_status judd_status_context(judd_status code, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** The message of the last failure in this thread; never NULL. */
const char *judd_status_message(void);

/** Leave through `done:` if `expression` fails. Needs a local `judd_status status`. */
#define JUDD_TRY(expression)                                                                       \
    do {                                                                                           \
        status = (expression);                                                                     \
        if (status != JUDD_OK) goto done;                                                          \
    } while (0)

/** Fail with a message and leave through `done:`. */
#define JUDD_FAIL(...)                                                                             \
    do {                                                                                           \
        status = judd_status_set(__VA_ARGS__);                                                     \
        goto done;                                                                                 \
    } while (0)

#endif
