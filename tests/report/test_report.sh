#!/usr/bin/env bash
# report.html of real jobs: written by judd run, by judd report of whole, running, killed and merged
# ones; valid HTML, readable in a browser at every size, no request; CSV tables hold what the records
# hold; without gnuplot, pictures or predictions it says so.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 600 300
write_job
options=(--set heads.softmax.optimizer.steps=20 --set "heads.softmax.optimizer.learning_rate=[0.01]")

has() {
    grep -qF -- "$2" "$1" || fail "$1 does not say: $2"
}

has_not() {
    ! grep -qF -- "$2" "$1" || fail "$1 says: $2"
}

# valid PAGE: tidy has nothing to say of it
valid() {
    command -v tidy >/dev/null || return 0
    local said
    said=$(tidy -q -e "$1" 2>&1) || true
    [ -z "$said" ] || fail "$1: $said"
}

must_run 2 whole "${options[@]}"
page=whole/report.html
[ -f $page ] || fail "judd run wrote no report"
for section in summary matrix warnings choices shots verdicts calibration confusion samples repeat; do
    has $page "id=\"$section\""
done
has $page "data:image/png;base64,"
has $page "Not here: learning curves"
# of a backbone that two experiments compare with something else the second is no next best
"$python" - $page <<'PY'
import re, sys
box = re.search(r'aria-label="Best on the test set".*?</section>', open(sys.argv[1]).read(), re.S).group(0)
rows = [re.findall(r"<td>(.*?) <span", row) for row in box.split("<tr>")[2:]]
assert rows and all(len(r) == 2 and len({x.split(" (")[0] for x in r}) == 2 for r in rows), rows
assert any("resnet" in r for r in rows), rows
PY
has_not $page "$folder/whole" # it may be sent to others: no path beyond the job's own
valid $page
[ "$(stat -c %s $page)" -lt 1000000 ] || fail "the page is large"
if command -v gnuplot >/dev/null; then has $page '<svg role="img"'; else has $page "gnuplot is not installed"; fi
code=0
"$python" "$JUDD_SOURCE/tests/report/browser.py" $page >browser.out || code=$?
[ "$code" = 0 ] || [ "$code" = 77 ] || fail "in a browser: $(cat browser.out)"
grep -c 'words' browser.out || cat browser.out

# A complete job keeps its page; a missing one is made again; judd report makes it anew.
touch -d 2001-01-01 $page
must_run 1 whole "${options[@]}"
[ "$(date -r $page +%Y)" = 2001 ] || fail "the page was made for nothing"
rm $page
must_run 1 whole "${options[@]}"
[ -f $page ] || fail "no page again"
cp $page first.html
"$JUDD" report whole --csv >/dev/null 2>report.err || fail "$(cat report.err)"
cmp -s $page first.html || fail "judd report and judd run write other pages"
"$python" - whole <<'PY'
import csv, json, sys
folder = sys.argv[1]
for name in ("results", "verdicts"):
    records = [json.loads(line) for line in open(f"{folder}/{name}.jsonl")]
    rows = list(csv.DictReader(open(f"{folder}/{name}.csv", newline="")))
    assert len(rows) == len(records) > 0
    for row, record in zip(rows, records):
        for column, text in row.items():
            value = record
            for key in column.split("."):
                if isinstance(value, list):
                    value = value[("low", "high").index(key)]
                else:
                    value = value.get(key)
                if value is None:
                    break
            if column == "seconds_saved":
                continue
            assert (text == "") == (value is None), (column, text, value)
            if isinstance(value, float):
                assert float(text) == value, (column, text, value)
            elif value is not None and not isinstance(value, bool):
                assert text == str(value), (column, text, value)
PY

# Elsewhere, without gnuplot, without predictions, without the images.
"$JUDD_SOURCE/tests/mpirun.sh" 1 env PATH=/nonexistent "$JUDD" report whole --html other.html >/dev/null 2>report.err || fail "$(cat report.err)"
has other.html "No charts: gnuplot is not installed"
has_not other.html "<figure"
valid other.html
! grep -q "no charts" report.err || fail "no gnuplot is no fault: $(cat report.err)"
mkdir broken && printf '#!/bin/sh\nexit 1\n' >broken/gnuplot && chmod +x broken/gnuplot
env PATH="$folder/broken:$PATH" "$JUDD" report whole --html other.html >/dev/null 2>report.err || fail "$(cat report.err)"
grep -q "other.html: no charts, only tables: gnuplot failed" report.err || fail "gnuplot's failure: $(cat report.err)"
mv data/test-images.gz kept.gz
"$JUDD" report whole --html other.html >/dev/null 2>&1 || fail "without images"
has other.html "No pictures: "
has_not other.html "data:image"
mv kept.gz data/test-images.gz
code=0
"$JUDD" report whole whole --csv >/dev/null 2>report.err || code=$?
[ "$code" = 64 ] || fail "one folder twice: $code"

# Records of a schema to come.
cp -r whole future
sed -i '1s/^{"schema":1/{"schema":2/; 1s/,"check":"[0-9a-f]*"//' future/results.jsonl
code=0
"$JUDD" report future >/dev/null 2>report.err || code=$?
[ "$code" = 65 ] || fail "schema 2: exit code $code"
has report.err "a record of schema 2, but this judd reads schema 1"

# Merged shards; a part of them has no verdict.
for i in 1 2; do must_run 1 part "${options[@]}" --shard $i/2; done
[ ! -e part.1-of-2/report.html ] || fail "a shard has a report"
"$JUDD" report part.*-of-2 -o merged --quiet >/dev/null || fail "merged"
has merged/report.html "job <strong>complete</strong>, 32 trials"
"$JUDD" report part.1-of-2 >/dev/null 2>&1 || fail "a part"
has part.1-of-2/report.html "missing shards: 2-of-2"
has_not part.1-of-2/report.html '<strong class="number positive'

# A job that runs, and one that was killed.
start 2 killed "${options[@]}" --set heads.softmax.optimizer.steps=400
# shellcheck disable=SC2016
wait_until 60 eval '[ "$(cat killed/results.jsonl killed/parts/results-* 2>/dev/null | wc -l)" -ge 3 ]'
send STOP # so that it runs while we look
"$JUDD" report killed --html running.html >/dev/null 2>&1 || fail "of a running job"
has running.html "job <strong>still running</strong>"
has_not running.html '<strong class="number positive'
[ ! -e killed/report.html ] || fail "--html wrote elsewhere too"
kill_started
find killed -type f -exec sha256sum {} + | sort >before
"$JUDD" report killed >/dev/null 2>&1 || fail "of a killed job"
has killed/report.html "job <strong>stopped before its end</strong>"
has killed/report.html "not yet judged"
rm killed/report.html
find killed -type f -exec sha256sum {} + | sort >after
same before after
