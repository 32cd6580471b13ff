#!/usr/bin/env bash
# judd submit: the script it writes is what bash and the site want, sbatch gets it only with --yes.
set -eu
. "$JUDD_SOURCE/tests/job/job.sh"
need_fashion
make_data 300 100
write_job
mkdir bin
cat >bin/sbatch <<'SBATCH'
#!/bin/sh
printf '%s\n' "$* ($SBATCH_PARTITION)" >>"$CALLS"
[ -z "${REFUSE:-}" ] || { echo "sbatch: error: invalid account" >&2 && exit 1; }
echo 41
SBATCH
chmod +x bin/sbatch
export PATH=$folder/bin:$PATH CALLS=$folder/calls JUDD_SITE=$folder/site.conf
cat >site.conf <<'CONF'
#SBATCH_ACCOUNT=no
SBATCH_ACCOUNT="physics"   # a comment
SBATCH_PARTITION=long # another
JUDD_RANKS_PER_NODE=3
CONF
touch calls

submit() {
    "$JUDD" submit job.cfg "$@" >submit.out 2>submit.err
}

# refused CODE PATTERN ARGUMENT ...
refused() {
    local expected=$1 pattern=$2 code=0
    shift 2
    submit "$@" || code=$?
    [ "$code" = "$expected" ] || fail "submit $*: exit code $code, not $expected: $(cat submit.err)"
    grep -q -- "$pattern" submit.err || fail "submit $*: not said: $pattern: $(cat submit.err)"
}

submit --set "output=runs/it's here" --set verdict.seeds=3 --quiet || fail "submit: $(cat submit.err)"
script="runs/it's here.sbatch"
bash -n "$script" || fail "the script is no bash: $(cat "$script")"
for line in --nodes=1 --ntasks-per-node=3 --time=0:20:00 --partition=long --account=physics --requeue \
    --signal=B:USR1@120; do
    grep -qx -- "#SBATCH $line" "$script" || fail "no $line: $(cat "$script")"
done
! grep -q -- --array "$script" || fail "an array that nobody asked for"
[ ! -s calls ] || fail "submitted without --yes: $(cat calls)"
head -n "$(wc -l <"$script")" submit.out | cmp - "$script" || fail "what it shows is not what it wrote"

# The script runs judd.sbatch with the arguments, word for word.
# shellcheck disable=SC2016 # the text of the script
sed 's,^exec bash "[^"]*",printf "%s\\n" "$JUDD_OUTPUT",' "$script" >words.sh
bash words.sh >words
printf '%s\n' "runs/it's here" job.cfg --set "output=runs/it's here" --set verdict.seeds=3 --quiet | cmp - words

submit --nodes 4 --time 1-12:00:00 --array 5 --yes --set output=sweep || fail "submit: $(cat submit.err)"
for line in --nodes=4 --time=1-12:00:00 --array=1-5; do
    grep -qx -- "#SBATCH $line" sweep.sbatch || fail "no $line: $(cat sweep.sbatch)"
done
[ "$(head -n 1 calls)" = "--parsable sweep.sbatch ()" ] || fail "sbatch: $(cat calls)"
grep -q -- "--dependency=afterok:41 .*report 'sweep'\.\*-of-5 -o 'sweep' (long)$" calls || fail "merge: $(cat calls)"

# What the numbers rest on: everything is missing, everything is there; what nobody can know is said.
stated() {
    grep -q "^# .*$2" "$1.sbatch" || fail "not stated: $2: $(cat "$1.sbatch")"
}
submit --set output=basis --set cache=basis-cache || fail "submit: $(cat submit.err)"
stated basis 'about [0-9]* s$'
stated basis 'start [0-9.]* s .*features [0-9.]* s, training [0-9.]* s'
stated basis 'memory of a node about [0-9]* MiB: 3 ranks of'
stated basis 'features of resnet, other (test): [0-9]* samples at [0-9.e+]*/s a rank, tried now'
stated basis 'training: [0-9]* heads'
stated basis 'unknown: other processors'
! grep -q 'seeds = "auto"' basis.sbatch || fail "unknown seeds of a job that fixes them"
must_run 2 basis --set cache=basis-cache
submit --set output=basis --set cache=basis-cache || fail "submit: $(cat submit.err)"
stated basis '\([0-9]*\) of \1 trials are finished in basis: they are not counted'
stated basis 'training 0.0 s'
head -n 5 basis/results.jsonl >few && mv few basis/results.jsonl
submit --set output=basis --set cache=basis-cache || fail "submit: $(cat submit.err)"
stated basis '5 of [0-9]* trials are finished in basis: they are not counted'
stated basis 'training of softmax: [0-9]* heads, .* the median of [0-9]* that this job has trained'
submit --set output=basis2 --set cache=basis-cache --set 'verdict.seeds="auto"' --set verdict.max_seeds=10
submit --set output=warm --set cache=basis-cache || fail "submit: $(cat submit.err)"
stated warm 'features: all are in the cache'
! grep -q 'samples at' warm.sbatch || fail "features that are there are to be computed: $(cat warm.sbatch)"
stated basis2 'unknown: after how many seeds'
! grep -qw inf basis2.sbatch || fail "seeds that are there count as tried: $(cat basis2.sbatch)"

refused 64 'number from 1' --nodes 0
refused 64 'number from 1' --array x
# shellcheck disable=SC2016
refused 64 '1:30:00' --time '1h$(x)'
refused 64 'unknown option' --yes=
REFUSE=1 refused 74 'sbatch: refused' --yes --set output=no
JUDD_SITE=none refused 74 'none' --yes
printf 'JUDD_RANKS_PER_NODE=many\n' >site.conf
refused 64 'JUDD_RANKS_PER_NODE' --yes
