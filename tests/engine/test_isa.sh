# The tests again with the instruction set of machines without AVX-512: blocks of 8 channels, other
# generated kernels. A process of its own: oneDNN fixes the set once.
set -eu
for isa in AVX2; do
    echo "ONEDNN_MAX_CPU_ISA=$isa"
    ONEDNN_MAX_CPU_ISA=$isa "$JUDD_BUILD/tests/engine_test_kernels" 2>&1
    ONEDNN_MAX_CPU_ISA=$isa "$JUDD_BUILD/tests/engine_test_engine" 2>&1
    ONEDNN_MAX_CPU_ISA=$isa "$JUDD_BUILD/tests/engine_test_winograd" 2>&1
    ONEDNN_MAX_CPU_ISA=$isa "$JUDD_BUILD/tests/engine_test_attention" 2>&1
done
