/* Checkpoints: resumed on any number of ranks with the same bits, never believed when damaged. */
#include "learn/learn_fixture.h"
#include "shared_folder.h"

#include <judd/base/memory.h>
#include <judd/io/atomic_file.h>
#include <judd/io/h5.h>
#include <judd/learn/checkpoint.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static comms all;
static char folder[SHARED_FOLDER]; /* a new one for every test, the same on all ranks */

static const problem small = {
    .n = 70, .dim = 11, .n_classes = 4, .n_folds = 3, .n_lanes = 16, .seed = 12};
static const judd_bank_head heads[] = {
    {.learning_rate = 0.1, .l2 = 0.0, .held_out = -1},
    {.learning_rate = 1e30, .l2 = 0.1, .held_out = 0}, /* diverges: that is state, too */
    {.learning_rate = 0.3, .l2 = 0.01, .held_out = 1},
};

static judd_bank_options options_of(int64_t steps) {
    return (judd_bank_options){.n_heads = 3,
                               .n_outputs = small.n_classes,
                               .heads = heads,
                               .optimizer.momentum = 0.9,
                               .batch = 32,
                               .steps = steps,
                               .optimizer.schedule = JUDD_SCHEDULE_COSINE,
                               .seed = 5};
}

static int enter(void **state) {
    (void)state;
    return make_shared_folder(folder, &all.world) != JUDD_OK;
}

static int leave(void **state) {
    (void)state;
    return remove_shared_folder(folder, &all.world) != JUDD_OK;
}

static void path_in(char path[5000], int64_t step, const char *name) {
    snprintf(path, 5000, "%s/step-%lld%s%s", folder, (long long)step, name ? "/" : "",
             name ? name : "");
}

static bool exists(int64_t step, const char *name) {
    char path[5000];
    path_in(path, step, name);
    return access(path, F_OK) == 0;
}

/* ---- saving and restoring ----------------------------------------------------------------------
 */

enum { STEPS = 40, EVERY = 5 };

typedef struct saver {
    const judd_comm *comm;
    const char *identity;
    int64_t kill_at; /* fail instead of saving at this step, as a kill would end the run */
    judd_checkpoint *running;
} saver;

static judd_status save(void *context, const judd_bank *bank) {
    saver *s = context;
    assert_null(s->running); /* one at a time */
    if (bank->step == s->kill_at) return judd_status_set(JUDD_E_INTERNAL, "killed");
    return judd_checkpoint_begin(&s->running, folder, s->identity, bank, s->comm);
}

static bool still_saves(void *context) {
    return judd_checkpoint_runs(((const saver *)context)->running);
}

static judd_status end_saving(void *context) {
    saver *s = context;
    judd_checkpoint *running = s->running;
    s->running = NULL;
    return judd_checkpoint_end(running);
}

/* Restore what there is, train on, saving every 5 steps, until `kill_at` or the end. */
static judd_bank *train_on(const judd_comm *comm, const char *identity, int64_t kill_at,
                           int64_t *resumed, char **skipped) {
    judd_bank_options o = options_of(STEPS);
    judd_bank *bank = new_bank(small.dim, &o);
    judd_rows rows;
    saver s = {.comm = comm, .identity = identity, .kill_at = kill_at};
    judd_trainer_hooks hooks = {.checkpoint = save,
                                .checkpoint_runs = still_saves,
                                .checkpoint_end = end_saving,
                                .context = &s,
                                .checkpoint_steps = EVERY};
    make_rows(&rows, &small, comm);
    OK(judd_checkpoint_restore(bank, resumed, skipped, folder, identity, comm));
    assert_int_equal(bank->step, *resumed < 0 ? 0 : *resumed);
    judd_status status = judd_trainer_run(bank, &rows, comm, &hooks);
    assert_int_equal(status, kill_at > 0 ? JUDD_E_INTERNAL : JUDD_OK);
    assert_null(s.running);
    judd_rows_free(&rows);
    return bank;
}

/* Up to a kill at `kill_at`: the last checkpoint is 5 steps before. */
static void prepare(const char *identity, int64_t kill_at) {
    int64_t resumed;
    char *skipped;
    judd_bank_destroy(train_on(&all.world, identity, kill_at, &resumed, &skipped));
    free(skipped);
}

static judd_bank *undisturbed(void) {
    judd_bank_options o = options_of(STEPS);
    judd_bank *bank = new_bank(small.dim, &o);
    judd_rows rows;
    make_rows(&rows, &small, &all.self);
    OK(judd_trainer_run(bank, &rows, &all.self, NULL));
    assert_in_range(bank->diverged[1], 0, STEPS - 1);
    judd_rows_free(&rows);
    return bank;
}

/* Finish on comm; expects to go on after `step` and, on rank 0, these words about others. */
static void finish(const judd_comm *comm, const char *identity, int64_t step, const char *words) {
    int64_t resumed;
    char *skipped = NULL;
    judd_bank *whole = undisturbed();
    judd_bank *bank = train_on(comm, identity, -1, &resumed, &skipped);
    assert_int_equal(resumed, step);
    assert_same_bank(bank, whole);
    if (comm->rank > 0 || !words)
        assert_null(skipped);
    else if (!skipped || !strstr(skipped, words))
        fail_msg("\"%s\" does not say \"%s\"", skipped ? skipped : "", words);
    free(skipped);
    judd_bank_destroy(bank);
    judd_bank_destroy(whole);
}

static void no_checkpoint(void **state) {
    (void)state;
    finish(&all.world, "me", -1, NULL);
}

static void resumed_on_other_ranks(void **state) {
    (void)state;
    for (int first = 1; first <= all.world.size; first++) { /* saved by `first` of the ranks */
        MPI_Comm part;
        judd_comm few;
        MPI_Comm_split(all.world.mpi, all.world.rank < first ? 0 : 1, 0, &part);
        OK(judd_comm_open(&few, part));
        int64_t resumed;
        char *skipped = NULL;
        if (all.world.rank < first) judd_bank_destroy(train_on(&few, "me", 25, &resumed, &skipped));
        free(skipped);
        judd_comm_close(&few);
        MPI_Comm_free(&part);
        OK(judd_comm_agree(&all.world, JUDD_OK));
        assert_true(exists(20, "state.h5") && exists(20, "MANIFEST") && exists(15, NULL));
        assert_false(exists(10, NULL)); /* two are kept */
        assert_false(exists(25, NULL));
        finish(&all.world, "me", 20, NULL);
        assert_true(exists(35, NULL) && exists(30, NULL) && !exists(25, NULL));
        OK(judd_comm_agree(&all.world, JUDD_OK));
        if (all.world.rank == 0) {
            OK(judd_atomic_file_remove(folder));
            OK(judd_atomic_file_make_folder(folder));
        }
        OK(judd_comm_agree(&all.world, JUDD_OK));
    }
}

/* What is saved is the bank as it was when it began; one that is given up gets no name. */
static void training_goes_on_meanwhile(void **state) {
    (void)state;
    int64_t resumed;
    char *skipped = NULL;
    judd_checkpoint *c = NULL;
    judd_bank *bank = train_on(&all.world, "me", 25, &resumed, &skipped);
    judd_bank_options o = options_of(STEPS);
    judd_bank *then = new_bank(small.dim, &o);
    float *value = bank->layers[0].weight->value;
    int64_t n = judd_bank_parameter_size(bank->layers[0].weight);
    free(skipped);
    OK(judd_checkpoint_begin(&c, folder, "me", bank, &all.world));
    for (int64_t i = 0; i < n; i++) value[i] += 1.0f;
    bank->step++;
    OK(judd_checkpoint_end(c));
    for (int64_t i = 0; i < n; i++) value[i] += 1.0f;
    OK(judd_checkpoint_begin(&c, folder, "me", bank, &all.world));
    judd_checkpoint_abandon(c);
    OK(judd_comm_agree(&all.world, JUDD_OK));
    assert_false(exists(26, NULL));
    OK(judd_checkpoint_restore(then, &resumed, &skipped, folder, "me", &all.world));
    assert_null(skipped);
    assert_int_equal(resumed, 25);
    judd_bank_destroy(bank);
    OK(judd_comm_agree(&all.world, JUDD_OK)); /* then on to the end, with the undisturbed bits */
    finish(&all.world, "me", 25, NULL);
    judd_bank_destroy(then);
}

/* ---- damage ------------------------------------------------------------------------------------
 */

typedef enum damage { FLIP, CUT, EMPTY, REMOVE } damage;

static void harm(int64_t step, const char *name, damage how) {
    OK(judd_comm_agree(&all.world, JUDD_OK));
    if (all.world.rank == 0) {
        char path[5000], byte;
        struct stat info;
        path_in(path, step, name);
        int fd = open(path, O_RDWR);
        assert_true(fd >= 0 && fstat(fd, &info) == 0);
        if (how == FLIP) {
            assert_int_equal(pread(fd, &byte, 1, info.st_size / 2), 1);
            byte ^= 4;
            assert_int_equal(pwrite(fd, &byte, 1, info.st_size / 2), 1);
        } else if (how != REMOVE) {
            assert_int_equal(ftruncate(fd, how == CUT ? info.st_size - 1 : 0), 0);
        }
        close(fd);
        if (how == REMOVE) assert_int_equal(unlink(path), 0);
    }
    OK(judd_comm_agree(&all.world, JUDD_OK));
}

static void damaged_ones_are_passed_over(void **state) {
    (void)state;
    static const char *const names[] = {"state.h5", "MANIFEST"};
    for (int k = 0; k < 8; k++) {
        prepare("me", 25);
        harm(20, names[k % 2], (damage)(k / 2));
        finish(&all.world, "me", 15, "step-20 passed over");
        OK(judd_comm_agree(&all.world, JUDD_OK));
        if (all.world.rank == 0) OK(judd_atomic_file_remove(folder));
        OK(judd_comm_agree(&all.world, JUDD_OK));
    }
}

static void nothing_sound_starts_anew(void **state) {
    (void)state;
    prepare("me", 25);
    harm(20, "state.h5", FLIP);
    harm(15, "MANIFEST", FLIP);
    finish(&all.world, "me", -1, "step-20 passed over");
}

/* Later checkpoints of another job or life must not crowd out the new ones. */
static void foreign_ones_are_passed_over(void **state) {
    (void)state;
    prepare("another", 35);
    assert_true(exists(30, NULL) && exists(25, NULL));
    int64_t resumed;
    char *skipped = NULL;
    judd_bank_destroy(train_on(&all.world, "me", 15, &resumed, &skipped));
    assert_int_equal(resumed, -1);
    if (all.world.rank == 0) assert_non_null(strstr(skipped, "step-30 passed over"));
    free(skipped);
    assert_true(exists(10, "state.h5"));
    finish(&all.world, "me", 10, NULL);
}

static void leftovers_are_removed(void **state) {
    (void)state;
    prepare("me", 15);
    if (all.world.rank == 0) {
        char path[5000];
        snprintf(path, sizeof path, "%s/step-12.tmp/deeper", folder);
        OK(judd_atomic_file_make_folder(path));
        snprintf(path, sizeof path, "%s/step-12.tmp/state.h5", folder);
        OK(judd_atomic_file_write(path, "torn", 4));
        snprintf(path, sizeof path, "%s/notes", folder);
        OK(judd_atomic_file_write(path, "mine", 4));
    }
    OK(judd_comm_agree(&all.world, JUDD_OK));
    finish(&all.world, "me", 10, NULL);
    char path[5000];
    snprintf(path, sizeof path, "%s/step-12.tmp", folder);
    assert_int_not_equal(access(path, F_OK), 0);
    snprintf(path, sizeof path, "%s/notes", folder);
    assert_int_equal(access(path, F_OK), 0); /* nobody else's files */
}

/* A file stands where the folder should be: also the superuser gets an error from it. */
static void a_folder_that_cannot_be_written(void **state) {
    (void)state;
    char path[5000];
    snprintf(path, sizeof path, "%s/file", folder);
    if (all.world.rank == 0) OK(judd_atomic_file_write(path, "", 0));
    OK(judd_comm_agree(&all.world, JUDD_OK));
    judd_bank_options o = options_of(STEPS);
    judd_bank *bank = new_bank(small.dim, &o);
    assert_int_equal(judd_checkpoint_save(path, "me", bank, &all.world), JUDD_E_IO);
    assert_non_null(strstr(judd_status_message(), path));
    judd_bank_destroy(bank);
}

/* The leftover of a killed save of the same step gives way to the new one. */
static void an_older_leftover_is_no_obstacle(void **state) {
    (void)state;
    char path[5000];
    snprintf(path, sizeof path, "%s/step-11.tmp/state.h5", folder);
    if (all.world.rank == 0) OK(judd_atomic_file_make_folder(path));
    OK(judd_comm_agree(&all.world, JUDD_OK));
    judd_bank_options o = options_of(STEPS);
    judd_bank *bank = new_bank(small.dim, &o), *read = new_bank(small.dim, &o);
    scatter_weights(bank, 3);
    bank->step = 11;
    OK(judd_checkpoint_save(folder, "me", bank, &all.world));
    int64_t resumed;
    char *skipped;
    OK(judd_checkpoint_restore(read, &resumed, &skipped, folder, "me", &all.world));
    assert_int_equal(resumed, 11);
    assert_null(skipped);
    assert_same_bank(read, bank);
    judd_bank_destroy(read);
    judd_bank_destroy(bank);
}

/* Fewer rows than ranks: some have nothing to write. */
static void a_tiny_bank(void **state) {
    (void)state;
    judd_bank_options o = options_of(STEPS);
    o.n_heads = 1;
    o.n_outputs = 2;
    judd_bank *bank = new_bank(3, &o), *read = new_bank(3, &o);
    scatter_weights(bank, 3);
    int64_t resumed;
    char *skipped;
    for (bank->step = 1; bank->step <= 3; bank->step++)
        OK(judd_checkpoint_save(folder, "me", bank, &all.world));
    OK(judd_checkpoint_restore(read, &resumed, &skipped, folder, "me", &all.world));
    assert_int_equal(resumed, 3);
    bank->step = 3;
    assert_same_bank(read, bank);
    judd_bank_destroy(read);
    judd_bank_destroy(bank);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(no_checkpoint, enter, leave),
    cmocka_unit_test_setup_teardown(resumed_on_other_ranks, enter, leave),
    cmocka_unit_test_setup_teardown(training_goes_on_meanwhile, enter, leave),
    cmocka_unit_test_setup_teardown(damaged_ones_are_passed_over, enter, leave),
    cmocka_unit_test_setup_teardown(nothing_sound_starts_anew, enter, leave),
    cmocka_unit_test_setup_teardown(foreign_ones_are_passed_over, enter, leave),
    cmocka_unit_test_setup_teardown(leftovers_are_removed, enter, leave),
    cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_written, enter, leave),
    cmocka_unit_test_setup_teardown(an_older_leftover_is_no_obstacle, enter, leave),
    cmocka_unit_test_setup_teardown(a_tiny_bank, enter, leave),
};

LEARN_MAIN("checkpoint", tests)
