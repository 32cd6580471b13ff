#!/usr/bin/env bash
# The output folder: complete, resumed, foreign, in use, torn, damaged, not writable.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 1000 200
write_job
options=(--set "experiments.0.target=own" --set "experiments.1.target=other"
    --set "heads.softmax.optimizer.steps=20" --set "verdict.seeds=2")

# refused CODE WORDS OUTPUT [ARGUMENT ...]: exit code, one line with these words, nothing on stdout
refused() {
    local code=0 expected=$1 words=$2
    shift 2
    judd_at "$@" || code=$?
    [ "$code" = "$expected" ] || fail "$*: exit code $code, not $expected: $(cat "$2.err")"
    [ "$(grep -c '^judd: ' "$2.err")" = 1 ] || fail "$*: not one line: $(cat "$2.err")"
    grep -q "^judd: .*$words" "$2.err" || fail "$*: no \"$words\" in: $(cat "$2.err")"
    [ ! -s "$2.out" ] || fail "$*: something on stdout"
}

# Complete: the table again, no work, nothing changed.
must_run 2 out "${options[@]}"
grep -q '^experiment .*verdict$' out.out || fail "no table"
cp -r out kept
must_run 2 again "${options[@]}" --set output=out
same out.out again.out
same_results kept out
same kept/timing.jsonl out/timing.jsonl
[ "$(wc -l <out/results.jsonl)" = 16 ] || fail "not 16 trials"

# judd verify misses a record, finds one twice, and one that was altered.
verify_says() {
    local code=0
    "$JUDD" verify odd >verify.out 2>&1 || code=$?
    [ "$code" = "$1" ] && grep -q "$2" verify.out || fail "verify: $code, not $1: $(cat verify.out)"
}
for how in "0 odd: .* 16 finished trials, 0 damaged" "65 15 trials, of 16 of the complete job" \
    "65 results.jsonl:6: .* once more" "65 results.jsonl:3: damaged" "65 verdicts.jsonl:1: damaged"; do
    cp -r out odd
    case $how in
        *15*) sed -i 5d odd/results.jsonl ;;
        *once*) sed -i 5p odd/results.jsonl ;;
        *:3:*) sed -i '3s/"status":"ok"/"status":"no"/' odd/results.jsonl ;;
        *verdicts*) sed -i '1s/against/Against/' odd/verdicts.jsonl ;;
    esac
    verify_says "${how%% *}" "${how#* }"
    rm -r odd
done

# Another job is refused and named; --fresh removes the old one.
refused 64 'holds another job: .*verdict.seeds' 2 out "${options[@]}" --set verdict.seeds=3
same_results kept out
[ -e out/COMPLETED ] || fail "COMPLETED vanished"
refused 64 'holds another job: .*l2' 2 out "${options[@]}" --set 'heads.softmax.l2=[0.5]'
cp -r out fresh
must_run 2 fresh "${options[@]}" --set verdict.seeds=1 --fresh
[ "$(wc -l <fresh/results.jsonl)" = 8 ] || fail "--fresh: not 8 trials"
[ "$(find fresh/heads -name '*.h5' | wc -l)" = 8 ] || fail "--fresh: old heads are left"
must_run 2 fresh "${options[@]}" --fresh
same_results kept fresh
# limits, cache and the number of ranks are not another job
must_run 1 out "${options[@]}" --set limits.checkpoint_steps=3 --set "cache=$folder/other"

# A job refused for its data has left nothing to lose: the corrected one needs no --fresh.
refused 65 'shots asked' 2 corrected "${options[@]}" --set 'experiments.0.shots=[5000]'
[ -e corrected/job.cfg ] || fail "the refused job left no job.cfg"
must_run 2 corrected "${options[@]}"
same_results kept corrected

# What fails on one rank alone ends all of them, at once and in words: a record that rank 0 cannot add
# while features are computed, a cache that another rank cannot open.
shim=$(preload "$JUDD_BUILD/tests/libfault_shim.so")
# struck RANK CALL NTH MATCH: both ranks end with 74, and not by the watchdog
struck() {
    (
        export LD_PRELOAD=$shim FAULT_ROOT=$folder FAULT_KIND=ENOSPC
        export FAULT_RANK=$1 FAULT_CALL=$2 FAULT_NTH=$3 FAULT_MATCH=$4
        refused 74 '' 2 struck "${options[@]}" --fresh --set "cache=$folder/struck-cache"
    )
    if grep -q watchdog_s struck.err; then fail "$4: $(cat struck.err)"; fi
}
struck 0 write 2 timing.jsonl
rm -r struck-cache
struck 1 open 1 struck-cache/features
must_run 2 struck "${options[@]}"
same_results kept struck

# A torn last line, in the middle of a job.
cp -r out torn
rm torn/COMPLETED torn/verdicts.jsonl
head -c -40 out/results.jsonl >torn/results.jsonl
must_run 3 torn "${options[@]}"
same_results kept torn
[ "$(grep -c '"phase":"train"' torn/timing.jsonl)" = \
    $(($(grep -c '"phase":"train"' out/timing.jsonl) + 1)) ] || fail "torn: more than one bank again"
grep -q '(15 finished)' torn/judd.log || fail "torn: not 15 of 16 trials were kept"

# flip FILE DATASET: the lowest bit of its first byte
flip() {
    local offset byte
    offset=$("$python" -c 'import h5py, sys
print(h5py.File(sys.argv[1])[sys.argv[2]].id.get_offset())' "$1" "$2")
    byte=$(dd if="$1" bs=1 skip="$offset" count=1 status=none | od -An -tu1 | tr -d ' ')
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf %o $((byte ^ 1)))" | dd of="$1" bs=1 seek="$offset" conv=notrunc status=none
}
# Files of a trial that are missing, cut or flipped: that trial again, and no other.
trial='against-pixels+own+k5+s3+baseline'
for how in missing-predictions cut-predictions swapped-predictions label-predictions score-predictions \
    confusion-predictions output_names-predictions missing-heads cut-heads weight-heads; do
    rm -rf harmed
    cp -r out harmed
    rm harmed/COMPLETED
    file=harmed/${how#*-}/$trial.h5
    case $how in
        missing-*) rm "$file" ;;
        swapped-*) cp "${file%baseline.h5}transfer.h5" "$file" ;;
        cut-*) truncate -s 1500 "$file" ;;
        *) flip "$file" "${how%-*}" ;;
    esac
    must_run 1 harmed "${options[@]}"
    grep -q '(15 finished), 1 heads to train' harmed/judd.log || fail "$how: $(cat harmed/judd.log)"
    same_results kept harmed
    for file in out/heads/* out/predictions/*; do same "$file" "${file/#out/harmed}"; done
done

# A folder with foreign files is left alone, with --fresh too.
mkdir home home/heads
echo precious >home/heads/letter
echo precious >home/results.jsonl
refused 64 'not empty .* and not the output of a job' 2 home "${options[@]}"
refused 64 'not empty .* and not the output of a job' 2 home "${options[@]}" --fresh
[ "$(find home -type f | LC_ALL=C sort | tr '\n' ' ')" = "home/heads/letter home/results.jsonl " ] ||
    fail "a foreign folder was changed: $(find home)"
[ "$(cat home/heads/letter home/results.jsonl)" = "precious
precious" ] || fail "foreign files were changed"

# Somebody's own job.cfg is not ours to overwrite.
mkdir mine
cp job.cfg mine/job.cfg
refused 64 'job.cfg' 2 mine "${options[@]}"
refused 64 'job.cfg' 2 mine "${options[@]}" --fresh
same job.cfg mine/job.cfg

# Folders that cannot be written: a file in the way; a read-only file system.
echo >file
refused 74 'file' 3 file "${options[@]}"
refused 74 'file' 3 below "${options[@]}" --set output=file/deeper
refused 74 'file' 3 uncached "${options[@]}" --set cache=file
[ ! -e uncached/COMPLETED ] && [ ! -e uncached/results.jsonl ] || fail "results without a cache"
mkdir readonly
if mount -t tmpfs -o ro none readonly 2>/dev/null; then
    refused 74 'readonly' 2 in-readonly "${options[@]}" --set output=readonly/out
    refused 74 'readonly' 2 on-readonly "${options[@]}" --set output=readonly
    umount readonly
fi

# A $TMPDIR with room for what needs it, the pixels, but not for the network: that is read again. (The
# copy of the network is made for saving's sake, and once took what was left.)
mkdir narrow
if mount -t tmpfs -o "size=$((1200 * 784 / 1024 + 55))k" none narrow 2>/dev/null; then
    code=0
    TMPDIR=$folder/narrow judd_at 2 from-narrow "${options[@]}" --set cache=narrow-cache || code=$?
    umount narrow
    [ "$code" = 0 ] || fail "a narrow TMPDIR: $code, $(cat from-narrow.err)"
    same_results kept from-narrow
fi

# In use by a running job: refused at once, naming the owner; the owner goes on.
start 2 busy "${options[@]}" --set heads.softmax.optimizer.steps=100000
wait_until 60 test -s busy/LOCK || fail "no LOCK"
begin=$(date +%s)
refused 75 'in use by host .*process [0-9]' 2 second "${options[@]}" --set output=busy
[ $(($(date +%s) - begin)) -le 5 ] || fail "the second job took longer than 5 s to give up"
[ -n "$(members)" ] || fail "the owner ended"
kill_started
must_run 1 busy "${options[@]}" --fresh # a dead owner's LOCK does not count
same_results kept busy
