#!/usr/bin/env bash
# mpirun.sh RANKS PROGRAM [ARGUMENT ...]: mpirun as the tests need it, also as root, in containers
# and with more ranks than cores.
set -eu
ranks=$1
shift
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none
export OMPI_MCA_mpi_yield_when_idle=1
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
exec mpirun --oversubscribe -n "$ranks" "$@"
