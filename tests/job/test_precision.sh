#!/usr/bin/env bash
# precision = "bf16" where the CPU has none: one line, before anything of the job is looked for, at
# one rank and at two; bad values have the place of their line; what runs in bfloat16 is
# engine/test_bf16.
set -eu
. "$JUDD_SOURCE/tests/scratch.sh"
export JUDD_CACHE=$folder/cache ONEDNN_MAX_CPU_ISA=AVX2
export OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_orte_tmpdir_base=$folder

# write_job [KEY]: of networks and data that are not there
write_job() {
    cat >job.cfg <<CFG
schema = 1; name = "small";
backbones = (
    { name = "exact"; kind = "onnx"; file = "nothing.onnx"; },
    { name = "coarse"; kind = "onnx"; file = "nothing.onnx";
      $* },
    { name = "pixels"; kind = "pixels"; }
);
datasets = (
    { name = "own"; format = "idx"; train = { images = "nothing"; labels = "nothing"; };
      test = { images = "nothing"; labels = "nothing"; }; }
);
heads = ( { name = "ridge"; kind = "ridge"; } );
experiments = ( { name = "only"; source = "own"; target = "own"; head = "ridge";
                  backbone = "exact"; baseline = "pixels"; } );
CFG
}

# refused RANKS CODE WORDS COMMAND ...: exactly one line with these words; one rank without mpirun
refused() {
    local ranks=$1 code=0 wanted=$2 words=$3 launcher=()
    shift 3
    [ "$ranks" = 1 ] || launcher=("$JUDD_SOURCE/tests/mpirun.sh" "$ranks")
    "${launcher[@]}" "$JUDD" "$@" >out 2>err || code=$?
    [ "$code" = "$wanted" ] || fail "$* on $ranks ranks: $code, not $wanted: $(cat err)"
    [ "$(grep -c '^judd: ' err)" = 1 ] || fail "$* on $ranks ranks: not one line: $(cat err)"
    grep '^judd: ' err | grep -qF -- "$words" || fail "$* says nothing of \"$words\": $(cat err)"
}

cpu='backbone coarse: precision = "bf16" needs a CPU with AVX512_BF16 or AMX'
write_job 'precision = "bf16";'
for ranks in 1 2; do
    refused "$ranks" 78 "$cpu" run job.cfg --quiet
    grep -q "has instruction set avx2; .*set precision = \"float32\"" err || fail "no remedy: $(cat err)"
done
refused 1 78 "$cpu" features job.cfg --quiet
refused 1 78 "$cpu" plan job.cfg
[ ! -e runs ] || fail "a refused job made an output folder"

# With float32 the same job comes as far as its files.
write_job 'precision = "float32";'
refused 1 74 nothing run job.cfg --quiet

write_job 'precision = "float64";'
refused 2 78 'job.cfg:5: backbones.coarse.precision = "float64"' run job.cfg --quiet
write_job 'precision = 16;'
refused 1 78 'job.cfg:5: backbones.coarse.precision' run job.cfg --quiet
write_job '}, { name = "dots"; kind = "pixels"; precision = "bf16";'
refused 1 78 'job.cfg:5: backbones.dots.precision' run job.cfg --quiet

refused 1 78 '--precision bf16 needs a CPU with AVX512_BF16 or AMX' \
    bench features nothing.onnx --precision bf16
refused 1 64 '--precision half is none' bench features nothing.onnx --precision half
