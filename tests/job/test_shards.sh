#!/usr/bin/env bash
# Shards of a job array, merged by judd report: the bytes of the undivided job. What belongs to other
# jobs, inputs or divisions is refused; what is missing is named; a killed job shows what it has.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 300
write_job
options=(--set heads.softmax.optimizer.steps=20 --set "heads.softmax.optimizer.learning_rate=[0.01]"
    --set "experiments.1.backbone=[\"resnet\", \"pixels\"]")

report() {
    "$JUDD" report "$@" >report.out 2>report.err
}

# refused CODE PATTERN ARGUMENT ...
refused() {
    local expected=$1 pattern=$2 code=0
    shift 2
    report "$@" || code=$?
    [ "$code" = "$expected" ] || fail "report $*: exit code $code, not $expected: $(cat report.err)"
    grep -q "$pattern" report.err || fail "report $*: not said: $pattern: $(cat report.err)"
}

must_run 2 whole "${options[@]}"
for i in 1 2 3; do
    must_run "$i" divided "${options[@]}" --shard "$i/3"
    [ -f "divided.$i-of-3/COMPLETED" ] || fail "shard $i is not complete"
    [ ! -e "divided.$i-of-3/verdicts.jsonl" ] || fail "shard $i wrote verdicts"
done
for i in 1 2 3; do
    grep -q . "divided.$i-of-3/results.jsonl" || fail "shard $i is empty"
    sed -n 's/.*"comparison":"\([^"]*\)+k[0-9]*".*/\1/p' "divided.$i-of-3/results.jsonl" | sort -u
done >cells
[ -z "$(sort cells | uniq -d)" ] || fail "a comparison's shots are in two shards"
report divided.*-of-3 -o merged || fail "report: $(cat report.err)"
same_results whole merged
same_table whole.out report.out
for file in whole/heads/* whole/predictions/*; do same "$file" "${file/#whole/merged}"; done
must_run 1 merged "${options[@]}" # a folder like any other
same merged/versions.json whole/versions.json
same merged/data.jsonl whole/data.jsonl
report merged || fail "report of the merged folder: $(cat report.err)"
mv merged/versions.json ./
report merged || fail "report without versions.json: $(cat report.err)"
mv versions.json merged/
same_results whole merged
report divided.3-of-3 divided.1-of-3 divided.2-of-3 || fail "report: $(cat report.err)"
same_table whole.out report.out
report whole || fail "report of a whole job: $(cat report.err)"
same_table whole.out report.out
"$JUDD_SOURCE/tests/mpirun.sh" 2 "$JUDD" report whole >report.out || fail "report on 2 ranks"
same_table whole.out report.out
must_run 1 divided "${options[@]}" --shard 1/1
report divided.1-of-1 -o single && same_results whole single

# What is missing is named, and the rest shown.
report divided.1-of-3 divided.3-of-3 || fail "report of two shards: $(cat report.err)"
grep -q 'missing shards: 2-of-3' report.err || fail "the missing shard is not named: $(cat report.err)"
grep -q '^against-' report.out || fail "nothing shown"
refused 65 'missing shards: 2-of-3' divided.1-of-3 divided.3-of-3 -o partly
[ ! -e partly/verdicts.jsonl ] || fail "verdicts of a part"

# Nothing is finished yet: no numbers.
cp -r whole nothing && rm nothing/COMPLETED && : >nothing/results.jsonl
report nothing || fail "report of nothing: $(cat report.err)"
grep -q 'no pair to compare$' report.out && ! grep -qi nan report.out nothing/report.html ||
    fail "report of nothing: $(cat report.out)"

# A killed job shows what it has, and is left as it is.
start 2 killed "${options[@]}" --set heads.softmax.optimizer.steps=400
# shellcheck disable=SC2016
kill_when eval '[ "$(cat killed/results.jsonl killed/parts/results-* 2>/dev/null | wc -l)" -ge 3 ]'
find killed -type f -exec sha256sum {} + | sort >before
report killed || fail "report of a killed job: $(cat report.err)"
find killed -type f ! -name report.html -exec sha256sum {} + | sort >after
same before after
grep -q 'of 48 trials are finished' report.err || fail "not said what is finished: $(cat report.err)"
grep -q '^experiment' report.out || fail "no table"

refused 64 'different jobs: .*steps' whole killed
refused 64 'are both shard 1-of-3' divided.1-of-3 divided.1-of-3
refused 64 'no shards of one division' divided.1-of-3 divided.1-of-1
refused 64 'no shards of one division' whole divided.1-of-3
refused 74 'not the output of a job' nowhere
refused 74 'job.cfg: is no folder; name the output folder' job.cfg
mkdir broken
echo 'schema = 1' >broken/job.cfg
refused 78 'broken/job.cfg:1' broken
rm -r broken
refused 64 'no DIR'
cp -r divided.2-of-3 other
sed -i 's/"[0-9a-f]\{64\}"/"0000"/' other/versions.json
refused 65 'different inputs' divided.1-of-3 other
cp -r divided.2-of-3 damaged
for file in damaged/predictions/*; do
    printf 'x' | dd of="$file" bs=1 seek=3000 conv=notrunc status=none
    break
done
refused 65 'finished' divided.1-of-3 damaged divided.3-of-3 -o partly
code=0
judd_at 1 whole "${options[@]}" --shard 4/3 || code=$?
[ "$code" = 64 ] || fail "--shard 4/3: exit code $code"
judd_at 1 divided.1-of-3 "${options[@]}" && fail "a shard's folder taken for the whole job"
grep -q 'holds shard 1-of-3, not the whole job' divided.1-of-3.err || fail "$(cat divided.1-of-3.err)"
