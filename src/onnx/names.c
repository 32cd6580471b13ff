#include "onnx/names.h"

#include <judd/base/hash.h>
#include <judd/base/memory.h>

#include <stdlib.h>
#include <string.h>

struct judd_names {
    uint64_t mask; /* slots - 1; at least half of the slots stay free */
    const char **name;
    int *number;
};

judd_status judd_names_create(judd_names **out, int capacity) {
    judd_status status = JUDD_OK;
    judd_names *names = NULL;
    int64_t slots = 16;
    while (slots < 2 * (int64_t)capacity) slots *= 2;
    JUDD_TRY(judd_memory_alloc(&names, 1, sizeof *names));
    names->mask = (uint64_t)slots - 1;
    JUDD_TRY(judd_memory_alloc(&names->name, slots, sizeof *names->name));
    JUDD_TRY(judd_memory_alloc(&names->number, slots, sizeof *names->number));
    *out = names;
    names = NULL;
done:
    judd_names_destroy(names);
    return status;
}

void judd_names_destroy(judd_names *names) {
    if (!names) return;
    free(names->name);
    free(names->number);
    free(names);
}

static uint64_t slot_of(const judd_names *names, const char *name) {
    uint64_t slot = judd_hash_check(name, strlen(name), 0) & names->mask;
    while (names->name[slot] && strcmp(names->name[slot], name) != 0)
        slot = (slot + 1) & names->mask;
    return slot;
}

int judd_names_find(const judd_names *names, const char *name) {
    uint64_t slot = slot_of(names, name);
    return names->name[slot] ? names->number[slot] : -1;
}

void judd_names_add(judd_names *names, const char *name, int number) {
    uint64_t slot = slot_of(names, name);
    names->name[slot] = name;
    names->number[slot] = number;
}
