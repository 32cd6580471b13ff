#include <judd/io/event_file.h>

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Around the data of a record: length and its check before it, the data's check behind it. */
enum { BEFORE = 12, BEHIND = 4, MOST_TAG = 400, MOST_DATA = 1024, READ_MOST = 1 << 30 };

struct judd_event_file {
    char *path;
    int fd;
    uint32_t table[256]; /* of CRC32C, byte by byte */
};

/* ---- TFRecord -----------------------------------------------------------------------------------
 */

/* Castagnoli's polynomial, reflected: RFC 3720, appendix B.4. */
static void make_table(uint32_t table[256]) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
        table[i] = c;
    }
}

/* Turned and shifted, since checks of data that hold checks are weak. */
static uint32_t masked_check(const uint32_t table[256], const uint8_t *data, size_t n) {
    uint32_t c = ~0u;
    for (size_t i = 0; i < n; i++) c = table[(c ^ data[i]) & 255] ^ c >> 8;
    c = ~c;
    return (c >> 15 | c << 17) + 0xA282EAD8u;
}

static void put(uint8_t *at, uint64_t value, int bytes) {
    for (int k = 0; k < bytes; k++) at[k] = (uint8_t)(value >> 8 * k);
}

static uint64_t get(const uint8_t *at, int bytes) {
    uint64_t value = 0;
    for (int k = 0; k < bytes; k++) value |= (uint64_t)at[k] << 8 * k;
    return value;
}

/* ---- Event: https://protobuf.dev/programming-guides/encoding/ -----------------------------------
 */

typedef struct message {
    uint8_t data[MOST_DATA];
    size_t n;
} message;

static void add_varint(message *m, uint64_t value) {
    for (; value > 127; value >>= 7) m->data[m->n++] = (uint8_t)(value | 128);
    m->data[m->n++] = (uint8_t)value;
}

static void add_fixed(message *m, int field, const void *value, size_t bytes) {
    add_varint(m, (uint64_t)field << 3 | (bytes == 8 ? 1 : 5));
    memcpy(m->data + m->n, value, bytes);
    m->n += bytes;
}

static void add_bytes(message *m, int field, const void *bytes, size_t n) {
    add_varint(m, (uint64_t)field << 3 | 2);
    add_varint(m, n);
    memcpy(m->data + m->n, bytes, n);
    m->n += n;
}

/* wall_time = 1, step = 2: the first fields of every event. */
static void begin_event(message *m, int64_t step) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    double wall = (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
    m->n = 0;
    add_fixed(m, 1, &wall, sizeof wall);
    add_varint(m, 2 << 3);
    add_varint(m, (uint64_t)step);
}

/* The step of an event as begin_event writes it, -1: it is none of ours. */
static int64_t step_of(const uint8_t *data, size_t n) {
    uint64_t step = 0;
    if (n < 11 || data[0] != (1 << 3 | 1) || data[9] != 2 << 3) return -1;
    for (size_t i = 10, shift = 0; i < n && shift < 63; i++, shift += 7) {
        step |= (uint64_t)(data[i] & 127) << shift;
        if (data[i] < 128) return (int64_t)step;
    }
    return -1;
}

static judd_status write_event(judd_event_file *f, const message *m) {
    uint8_t record[BEFORE + MOST_DATA + BEHIND];
    size_t n = BEFORE + m->n + BEHIND;
    put(record, m->n, 8);
    put(record + 8, masked_check(f->table, record, 8), 4);
    memcpy(record + BEFORE, m->data, m->n);
    put(record + BEFORE + m->n, masked_check(f->table, m->data, m->n), 4);
    ssize_t written = write(f->fd, record, n); /* one call: a reader sees whole records */
    if (written == (ssize_t)n) return JUDD_OK;
    return judd_status_set(JUDD_E_IO, "%s: cannot append: %s; check the disk", f->path,
                           written < 0 ? strerror(errno) : "short write");
}

/* ---- the file -----------------------------------------------------------------------------------
 */

/* Bytes from the beginning that are whole events of steps below `step`. */
static int64_t sound_bytes(const judd_event_file *f, const uint8_t *all, int64_t bytes,
                           int64_t step) {
    int64_t at = 0;
    while (bytes - at >= BEFORE + BEHIND) {
        const uint8_t *record = all + at;
        uint64_t n = get(record, 8);
        if (get(record + 8, 4) != masked_check(f->table, record, 8)) break;
        if (n > (uint64_t)(bytes - at - BEFORE - BEHIND)) break;
        const uint8_t *data = record + BEFORE;
        if (get(data + n, 4) != masked_check(f->table, data, (size_t)n)) break;
        int64_t its = step_of(data, (size_t)n);
        if (its < 0 || (its >= step && at > 0)) break; /* the first one only names the version */
        at += BEFORE + (int64_t)n + BEHIND;
    }
    return at;
}

static judd_status begin_file(judd_event_file *f) {
    static const char version[] = "brain.Event:2";
    message m;
    begin_event(&m, 0);
    add_bytes(&m, 3, version, sizeof version - 1);
    return write_event(f, &m);
}

judd_status judd_event_file_open(judd_event_file **out, const char *folder, const char *name,
                                 int64_t step) {
    judd_status status = JUDD_OK;
    judd_event_file *f = NULL;
    char *all = NULL;
    int64_t bytes = 0, sound = 0;
    JUDD_TRY(judd_memory_alloc(&f, 1, sizeof *f));
    f->fd = -1;
    make_table(f->table);
    JUDD_TRY(judd_atomic_file_make_folder(folder));
    JUDD_TRY(judd_memory_format(&f->path, "%s/events.out.tfevents.%s", folder, name));
    f->fd =
        open(f->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW, 0666);
    if (f->fd < 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot open: %s; check the output folder", f->path,
                  strerror(errno));
    JUDD_TRY(judd_atomic_file_read(&all, &bytes, f->path, READ_MOST));
    sound = sound_bytes(f, (const uint8_t *)all, bytes, step);
    if (sound < bytes && ftruncate(f->fd, sound) != 0)
        JUDD_FAIL(JUDD_E_IO, "%s: cannot cut: %s; remove it", f->path, strerror(errno));
    if (sound == 0) JUDD_TRY(begin_file(f));
    *out = f;
    f = NULL;
done:
    free(all);
    judd_event_file_close(f);
    return status;
}

judd_status judd_event_file_add(judd_event_file *f, const char *tag, int64_t step, double value) {
    message one = {.n = 0}, summary = {.n = 0}, event;
    const float simple = (float)value;
    add_bytes(&one, 1, tag, strnlen(tag, MOST_TAG));
    add_fixed(&one, 2, &simple, sizeof simple);
    add_bytes(&summary, 1, one.data, one.n);
    begin_event(&event, step);
    add_bytes(&event, 5, summary.data, summary.n);
    return write_event(f, &event);
}

void judd_event_file_close(judd_event_file *f) {
    if (!f) return;
    if (f->fd >= 0) close(f->fd);
    free(f->path);
    free(f);
}
