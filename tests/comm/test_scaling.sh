#!/usr/bin/env bash
# The communication and learning code under SimGrid's SMPI, ranks being contexts of one process, trains
# the head that real ranks train, bit for bit: at 4 ranks, and at 6, where two hand over to others.
# Chunks are dealt by the real one-sided calls, and slow ranks hold nobody up.
. "$JUDD_SOURCE/tests/scratch.sh"
command -v smpicc >/dev/null && command -v smpirun >/dev/null || skip "no SimGrid (tools/install-deps --dev)"
cmake -S "$JUDD_SOURCE/tools/scaling" -B build -DCMAKE_C_COMPILER=smpicc >log 2>&1 &&
    cmake --build build -j2 >>log 2>&1 || {
    tail -n 30 log
    exit 1
}
cat >platform.xml <<'END'
<?xml version='1.0'?>
<!DOCTYPE platform SYSTEM "https://simgrid.org/simgrid.dtd">
<platform version="4.1">
<cluster id="all" prefix="node-" suffix="" radical="0-5" speed="1Gf" bw="100Gbps" lat="1us"/>
</platform>
END
seq -f 'node-%g' 0 5 >hosts
simulate() { # RANKS ARGUMENT ...
    smpirun -np "$1" -platform platform.xml -hostfile hosts -no-privatize --log=root.thresh:critical \
        --cfg=smpi/simulate-computation:no --cfg=smpi/host-speed:1Gf build/scale "${@:2}"
}
hash_in() { grep -o '"head_sha256": *"[0-9a-f]*"' | tr -d ' '; }

shape="--samples 1500 --batch 700 --lanes 8 --steps 4 --heads 3 --features 256"
real=$(bash "$JUDD_SOURCE/tests/mpirun.sh" 2 "$JUDD" bench train $shape --json | hash_in)
[ -n "$real" ] || fail "judd bench train printed no hash"
for ranks in 1 4 6; do
    got=$(simulate $ranks train $shape | hash_in)
    [ "$got" = "$real" ] || fail "$ranks simulated ranks: $got, real ones: $real"
done
other=$(simulate 4 train $shape --seed 2 | hash_in)
[ "$other" != "$real" ] || fail "another seed trains the same head: the comparison cannot fail"

# 40 images a chunk at least, one rank in two at half speed
simulate 6 extract --images 4000 --batch 40 --batch-s 0.1 --slow 0.5 --weights-mib 1 >extract
efficiency=$(grep -o '"of_capacity": *[0-9.]*' extract | grep -o '[0-9.]*$')
awk -v e="$efficiency" 'BEGIN { exit !(e > 0.9 && e <= 1.0) }' ||
    fail "the ranks' capacity is used to $efficiency; $(cat extract)"
