# Sourced by the scripts beside it: one way to speak, to time, to build and to start MPI programs.
# The script sets $name (its own) and $root (the checkout) before.

say() { printf '%s\n' "$*"; }
die() {
    printf '%s: %s\n' "$name" "$*" >&2
    exit 1
}

# logged LOG COMMAND ...: quiet; on failure the end of its output and where the rest is.
logged() {
    local log=$1 status=0 from
    shift
    mkdir -p "$(dirname "$log")"
    from=$(wc -l 2>/dev/null <"$log" || echo 0)
    printf '+ %s\n' "$*" >>"$log"
    "$@" >>"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n +"$((from + 1))" "$log" | grep -vE '^\[ *[0-9]+(/[0-9]+|%)\]' | tail -n 30 >&2
        printf '%s: failed (exit code %s): %s; whole output: %s\n' "$name" "$status" "$*" "$log" >&2
    fi
    return "$status"
}

# configure BUILD PRESET LOG [CMAKE-OPTION ...]
configure() {
    local build=$1 preset=$2 log=$3 cache=$1/CMakeCache.txt
    local options=(-B "$build")
    shift 3
    # A cache made elsewhere (a moved or mounted checkout) is of no use to CMake.
    if [ -f "$cache" ] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$cache"; then
        rm -rf "$cache" "$build/CMakeFiles"
    fi
    # A build folder keeps the generator it was born with.
    if [ ! -f "$cache" ] && command -v ninja >/dev/null; then options+=(-G Ninja); fi
    logged "$log" cmake -S "$root" --preset "$preset" "${options[@]}" "$@"
}

cores() { nproc 2>/dev/null || getconf _NPROCESSORS_ONLN; }

# mpi_environment RANKS: variables and not options, since each MPI reads its own and ignores the rest.
mpi_environment() {
    if [ "$(id -u)" -eq 0 ]; then
        export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
    fi
    # Containers forbid the system call behind it, and Open MPI then complains once per rank.
    export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl_sm_single_copy_mechanism=none
    if [ "$1" -gt "$(cores)" ]; then
        export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_mpi_yield_when_idle=1
        export OMPI_MCA_hwloc_base_binding_policy=none
        export PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
        export PRTE_MCA_hwloc_default_binding_policy=none
    fi
    export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} OPENBLAS_NUM_THREADS=${OPENBLAS_NUM_THREADS:-1}
}

# mpi_launcher BUILD: the launcher of the MPI that CMake found, which need not be the first in PATH.
mpi_launcher() {
    local found
    found=$(sed -n 's/^MPIEXEC_EXECUTABLE:[A-Z]*=//p' "$1/CMakeCache.txt" | head -n 1)
    if [ -x "$found" ]; then say "$found"; else say mpirun; fi
}
