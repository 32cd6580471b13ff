#!/usr/bin/env bash
# Extraction killed at random moments, every time continued on another number of ranks: no row that
# was finished is written again, and the caches end with the bytes of an undisturbed run. Then the
# same with SIGUSR1. JUDD_KILLS=20 is the long version.
#
# A row is finished when its check is in the file. A shim (tests/features/written.c) notes every
# write that ended; what was noted before a kill must not be written after it.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
"$python" -c 'import h5py' 2>/dev/null || skip "python3-h5py is needed"
shim=$JUDD_BUILD/tests/libjudd_written.so
[ -r "$shim" ] || skip "no shim for writes"
kills=${JUDD_KILLS:-4}
make_data 600 900
write_job
RANDOM=${JUDD_KILL_SEED:-$$}
echo "seed $RANDOM (JUDD_KILL_SEED repeats the choice of moments, not the machine's part in it)"

# features RANKS CACHE LOG [ARGUMENT ...]: judd features in the background
features() {
    local ranks=$1 cache=$2 log=$3
    shift 3
    setsid env JUDD_WRITTEN_LOG="$folder/$log" JUDD_WRITTEN_DELAY_US=2000 \
        "$JUDD_SOURCE/tests/mpirun.sh" "$ranks" env LD_PRELOAD="$(preload "$shim")" "$JUDD" features job.cfg --quiet \
        --set "cache=$cache" >features.out 2>features.err &
    started=$!
}

# written LOG LINES: so many writes ended
written() {
    [ -e "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]
}

# check_log LOG CACHE: no row whose check was written before a line "kill" is written after it;
# prints how many rows were finished
check_log() {
    "$python" - "$1" "$2" <<'PY'
import glob, os, sys
import h5py
sets = {}
for path in glob.glob(f"{sys.argv[2]}/features/*.h5"):
    with h5py.File(path, "r") as file:
        f, c = file["features"], file["check"]
        sets[os.stat(path).st_ino] = (f.id.get_offset(), f.nbytes, f.nbytes // len(f),
                                      c.id.get_offset(), c.nbytes)
finished, now, twice, rows = set(), set(), 0, 0
for line in open(sys.argv[1]):
    if line.startswith("kill"):
        finished |= now
        now = set()
        continue
    inode, offset, n = map(int, line.split())
    if inode not in sets:  # the temporary file whose link the cache is has the same inode
        continue
    features, size, row, checks, check_size = sets[inode]
    if features <= offset < features + size:
        wrote = range((offset - features) // row, (offset - features + n + row - 1) // row)
        twice += sum((inode, i) in finished for i in wrote)
        rows += len(wrote)
    elif checks <= offset < checks + check_size:
        now |= {(inode, i) for i in range((offset - checks) // 8, (offset - checks + n) // 8)}
finished |= now
if twice:
    sys.exit(f"{twice} finished rows were computed again")
print(len(finished), rows)
PY
}

"$JUDD" features job.cfg --quiet --set cache=whole-cache >/dev/null
features 2 warm-up log0 # how many writes there are
wait "$started" || fail "features: $(cat features.err)"
started=
lines=$(wc -l <log0)
[ "$lines" -gt 40 ] || fail "the shim noted only $lines writes"

done_kills=0
series=0
while [ "$done_kills" -lt "$kills" ]; do
    series=$((series + 1))
    cache=cache$series log=log$series
    ended=
    while [ -z "$ended" ]; do
        before=$([ -e "$log" ] && wc -l <"$log" || echo 0)
        ranks=$((1 + (done_kills + series) % 4))
        features "$ranks" "$cache" "$log"
        if [ "$done_kills" -ge "$kills" ]; then
            wait "$started" || fail "features: $(cat features.err)"
            ended=yes
        else
            at=$((before + 1 + RANDOM % (lines / 3)))
            while ! written "$log" "$at" && [ -n "$(members)" ]; do sleep 0.005; done
            if [ -n "$(members)" ]; then
                kill_started
                echo kill >>"$log"
                done_kills=$((done_kills + 1))
            else # it came to its end first
                wait "$started" || fail "features: $(cat features.err)"
                ended=yes
            fi
        fi
        started=
    done
    report=$(check_log "$log" "$cache") || fail "$report"
    echo "series $series, $done_kills kills: rows finished and written: $report"
    for file in whole-cache/features/*.h5; do same "$file" "${file/#whole-cache/$cache}"; done
done
features 3 "$cache" log
wait "$started" || fail "features: $(cat features.err)"
started=
awk 'NR > 1 && $6 != 0 { exit 1 }' features.out || fail "a complete cache was not believed"

# SIGUSR1: exit code 75 and a word on what to do; nothing is computed twice either.
for attempt in 1 2 3 4 5; do
    rm -rf stopped-cache log
    features 2 stopped-cache log
    wait_until 60 written log $((lines / 4)) || fail "no such moment"
    kill -USR1 "$started" # mpirun passes it on
    code=0
    wait "$started" || code=$?
    started=
    [ "$code" = 75 ] || [ "$code" = 0 ] || fail "SIGUSR1: $code: $(cat features.err)"
    [ "$code" = 75 ] && break
    [ "$attempt" -lt 5 ] || fail "the signal came too late five times"
done
grep -q '^judd: .*run the same command again' features.err || fail "no word on what to do"
echo kill >>log
features 3 stopped-cache log
wait "$started" || fail "features: $(cat features.err)"
started=
check_log log stopped-cache >/dev/null || fail "after SIGUSR1"
for file in whole-cache/features/*.h5; do same "$file" "${file/#whole-cache/stopped-cache}"; done
