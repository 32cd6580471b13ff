#!/usr/bin/env bash
# JUDD_STAGE on two nodes: packed samples are read by one rank and copied to each node's own disk, as the
# model's weights are to each node's memory, staged or not; cache, results and disks are as without. A node that has no room for them is named, and the job goes on.
set -eu
. "$JUDD_SOURCE/tests/slurm/cluster.sh"
cluster_begin
for split in train test; do
    "$JUDD" pack "data/$split-images.gz" --labels "data/$split-labels.gz" -o "data/$split.h5" >/dev/null
    sed -i "s,$split = { images = .*; labels = [^;]*;,$split = { images = \"data/$split.h5\";," job.cfg
done
sed -i 's/format = "idx"/format = "packed"/' job.cfg
cp "$JUDD_SOURCE/jobs/models/fashion-resnet.onnx" data/model.onnx
sed 's,"[^"]*fashion-resnet.onnx","data/model.onnx",' "$JUDD_SOURCE/configs/backbones/fashion-resnet.cfg" >backbone.cfg
sed -i 's,"[^"]*/fashion-resnet.cfg","backbone.cfg",' job.cfg
# Views, so that there are images to compute for both ranks.
options+=(--set datasets.own.views=12)
must_run 2 unstaged --set cache=unstaged-cache "${options[@]}"

# Every node has a disk of its own, of this size.
mkdir scratch
for node in node1 node2; do host "$node" mount -t tmpfs -o size=4m judd "$folder/scratch"; done

# How often each rank reads the packed files and the model, by the shim that counts calls.
shim=$JUDD_BUILD/tests/libfault_shim.so
cat >watched <<WATCHED
#!/bin/sh
exec env LD_PRELOAD=$shim FAULT_ROOT=$folder/data FAULT_LOG=$folder/calls $JUDD "\$@"
WATCHED
chmod +x watched

# on_nodes OUTPUT [YES]: a job with a cache of its own
on_nodes() {
    rm -rf calls
    mkdir calls
    JUDD=$folder/watched JUDD_STAGE=${2:-} JUDD_SCRATCH=$folder/scratch submit "$1" --export=ALL
    ends "$id" COMPLETED "$1.log"
    same_results unstaged "$1"
    for file in unstaged-cache/features/*.h5; do same "$file" "${file/#unstaged/$1}"; done
    for node in node1 node2; do
        [ -z "$(host "$node" find "$folder/scratch" -type f)" ] || fail "$1: files are left on $node"
    done
    echo "$1: $SECONDS s"
}

# reads_of RANK: calls of read on the inputs
reads_of() {
    awk '$1 == "read" { n += $NF } END { print n + 0 }' "calls/rank-$1"
}

plain=("${options[@]}")
options=("${plain[@]}" --set cache=direct-cache)
on_nodes direct
[ "$(reads_of 1)" -gt 0 ] || fail "rank 1 reads nothing without staging either, so this says nothing"

options=("${plain[@]}" --set cache=staged-cache)
on_nodes staged yes
[ "$(reads_of 1)" -eq 0 ] || fail "rank 1 reads the files although they are staged: $(cat calls/rank-1)"
! grep -q 'not staged' staged/judd.log || fail "not staged: $(cat staged/judd.log)"

host node2 mount -o remount,size=300k "$folder/scratch"
options=("${plain[@]}" --set cache=narrow-cache)
on_nodes narrow yes
grep -q "warning: not staged, read where it lies: .*$folder/scratch: no temporary file of [0-9]* bytes" narrow/judd.log ||
    fail "that node2 has no room is not said: $(cat narrow/judd.log)"
