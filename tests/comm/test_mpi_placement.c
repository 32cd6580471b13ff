/* Placement on made-up machines (hwloc's synthetic ones: nobody is bound there) and on this one. */
#include <judd/comm/placement.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OK(expression) assert_int_equal((expression), JUDD_OK)

static judd_comm comm;

static judd_placement on(const char *machine) {
    judd_placement p;
    unsetenv("HWLOC_COMPONENTS"); /* mpirun.sh's list has no made-up machines */
    if (machine)
        setenv("HWLOC_SYNTHETIC", machine, 1);
    else
        unsetenv("HWLOC_SYNTHETIC");
    OK(judd_placement_find(&p, &comm));
    return p;
}

/* Two threads of a core count once; what does not divide evenly is rounded down. */
static void test_enough(void **state) {
    (void)state;
    char text[JUDD_PLACEMENT_TEXT];
    judd_placement p = on("pack:2 core:4 pu:2");
    assert_int_equal(p.n_nodes, 1);
    assert_int_equal(p.fewest_ranks, comm.size);
    assert_int_equal(p.most_ranks, comm.size);
    assert_int_equal(p.fewest_cores, 8);
    assert_int_equal(p.cores, 8 / comm.size);
    assert_int_equal(p.least_cores, 8 / comm.size);
    assert_int_equal(p.n_crowded, 0);
    assert_int_equal(p.idle_cores, 0);
    assert_false(p.bound);
    judd_placement_advice(text, &p);
    assert_string_equal(text, "");
    judd_placement_line(text, &p);
    assert_non_null(strstr(text, "8 cores a node"));
    assert_non_null(strstr(text, "not bound"));
}

static void test_crowded(void **state) {
    (void)state;
    char text[JUDD_PLACEMENT_TEXT];
    judd_placement p = on("core:1 pu:2");
    assert_int_equal(p.n_crowded, comm.size > 1);
    assert_int_equal(p.cores, 1); /* what a rank computes with in any case */
    assert_int_equal(p.least_cores, comm.size > 1 ? 0 : 1);
    judd_placement_advice(text, &p);
    assert_int_equal(strstr(text, "ppr:1:node") != NULL, comm.size > 1);
}

static void test_here(void **state) {
    (void)state;
    judd_placement p = on(NULL);
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    assert_int_equal(p.n_nodes, 1);
    assert_true(p.fewest_cores >= 1 && p.fewest_cores <= processors);
    assert_true(p.cores >= 1 && p.cores <= p.fewest_cores);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_enough),
                                       cmocka_unit_test(test_crowded), cmocka_unit_test(test_here)};
    MPI_Init(&argc, &argv);
    if (judd_comm_open(&comm, MPI_COMM_WORLD) != JUDD_OK) return 1;
    int failed = cmocka_run_group_tests_name("placement", tests, NULL, NULL);
    judd_comm_close(&comm);
    MPI_Finalize();
    return failed;
}
