#!/usr/bin/env bash
# The number of ranks changes nothing: results, verdicts, cache files, heads, predictions.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 400
write_job

for ranks in 1 2 3 4 6; do
    must_run $ranks "at$ranks" --set "cache=cache$ranks"
    [ -f "at$ranks/COMPLETED" ] || fail "no COMPLETED at $ranks ranks"
    [ "$(sum_of "at$ranks" computed)" -gt 0 ] || fail "cold cache, but nothing computed"
    same_results at1 "at$ranks"
    same_table at1.out "at$ranks.out"
    [ "$(ls cache1/features)" = "$(ls "cache$ranks/features")" ] || fail "other cache files"
    for file in cache1/features/* at1/heads/* at1/predictions/*; do
        other=${file/#cache1/cache$ranks}
        same "$file" "${other/#at1/at$ranks}"
    done
done
[ "$(wc -l <at1/results.jsonl)" = 32 ] || fail "not 32 trials"
[ "$(wc -l <at1/verdicts.jsonl)" = 8 ] || fail "not 8 verdicts"
sort -c -t, -k2 at1/results.jsonl || fail "results are not sorted by trial"

# A warm cache: no forward pass; not one process without mpirun makes a difference either.
must_run 0 warm --set cache=cache3
[ "$(sum_of warm computed)" = 0 ] || fail "a forward pass with a warm cache"
[ "$(sum_of warm needed)" -gt 0 ] || fail "timing.jsonl does not say what was needed"
same_results at1 warm

# A trial does not depend on the other trials of its job.
must_run 2 alone --set cache=cache2 --set seed=4 --set verdict.seeds=1
grep -- '+s4+' at1/results.jsonl >expected.jsonl
same expected.jsonl alone/results.jsonl
[ "$(wc -l <expected.jsonl)" = 16 ] || fail "not 16 trials of seed 4"
