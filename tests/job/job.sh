# Sourced by the tests of whole jobs: a temporary folder, a small job on real images, runs at any
# number of ranks. Needs JUDD and JUDD_SOURCE.
. "$JUDD_SOURCE/tests/scratch.sh"
fashion=/usr/share/datasets/fashion-mnist
trap 'stop_started; rm -rf "$folder"' EXIT
export JUDD_CACHE=$folder/cache
# What killed ranks leave behind goes into our folder too, not into /tmp and /dev/shm.
mkdir mpi
export OMPI_MCA_orte_tmpdir_base=$folder/mpi OMPI_MCA_btl_vader_backing_directory=$folder/mpi
export JUDD_SHM=$folder/mpi
unset JUDD_PRESETS
started=

need_fashion() {
    [ -r $fashion/train-images-idx3-ubyte.gz ] || skip "Debian's dataset-fashion-mnist is not here"
}

# make_data TRAIN TEST: the first images of Fashion-MNIST, as data/{train,test}-{images,labels}.gz
make_data() {
    mkdir -p data
    "$python" - "$fashion" "$1" "$2" <<'PY'
import gzip, struct, sys
source, counts = sys.argv[1], {"train": int(sys.argv[2]), "t10k": int(sys.argv[3])}
for split, n in counts.items():
    for kind, rank in (("images", 3), ("labels", 1)):
        with gzip.open(f"{source}/{split}-{kind}-idx{rank}-ubyte.gz") as file:
            head = file.read(4 + 4 * rank)
            data = file.read(n * (784 if rank == 3 else 1))
        name = "train" if split == "train" else "test"
        with gzip.GzipFile(f"data/{name}-{kind}.gz", "wb", 1, mtime=0) as file:
            file.write(head[:4] + struct.pack(">I", n) + head[8:] + data)
PY
}

# write_job: job.cfg on these data; the quick start's backbones, and its head with a smaller grid.
write_job() {
    cat >job.cfg <<CFG
schema = 1; name = "small"; seed = 3; lanes = 16;
limits = { checkpoint_s = 0.0; };
verdict = { seeds = 2; };
backbones = (
@include "$JUDD_SOURCE/configs/backbones/fashion-resnet.cfg"
);
datasets = (
    { name = "own"; format = "idx"; classes = [0, 2, 3, 4, 6];
      train = { images = "data/train-images.gz"; labels = "data/train-labels.gz"; };
      test = { images = "data/test-images.gz"; labels = "data/test-labels.gz"; }; },
    { name = "other"; format = "idx"; classes = [1, 5, 7, 8, 9];
      train = { images = "data/train-images.gz"; labels = "data/train-labels.gz"; };
      test = { images = "data/test-images.gz"; labels = "data/test-labels.gz"; }; }
);
heads = (
    { name = "softmax"; kind = "softmax";
      optimizer = { kind = "sgd"; momentum = 0.9; batch = 256; steps = 100; schedule = "cosine";
                    learning_rate = [0.01, 0.1]; };
      l2 = [0.01]; standardize = true; folds = 5; }
);
experiments = (
    { name = "against-pixels"; source = "own"; backbone = "resnet"; baseline = "pixels";
      target = ["other", "own"]; head = "softmax"; shots = [5, 20]; },
    { name = "against-random"; source = "own"; backbone = "resnet"; baseline = "resnet-random";
      target = ["other", "own"]; head = "softmax"; shots = [5, 20]; }
);
CFG
}

# preload SHIM: the value of LD_PRELOAD; a sanitizer of the program has to come first
preload() {
    local asan
    asan=$(ldd "$JUDD" | awk '/libasan/ { print $3 }')
    printf '%s' "${asan:+$asan:}$1"
}

# judd_at RANKS OUTPUT [ARGUMENT ...]: run job.cfg; stdout and stderr in OUTPUT.out, OUTPUT.err.
# A command without mpirun is used for RANKS 0. JUDD_LIMIT_S: seconds it may take (sanitizers).
judd_at() {
    local ranks=$1 output=$2
    shift 2
    if [ "$ranks" = 0 ]; then
        timeout -k 5 "${JUDD_LIMIT_S:-100}" "$JUDD" run job.cfg --quiet --set "output=$output" "$@" \
            >"$output.out" 2>"$output.err"
    else
        timeout -k 5 "${JUDD_LIMIT_S:-100}" "$JUDD_SOURCE/tests/mpirun.sh" "$ranks" "$JUDD" run job.cfg --quiet \
            --set "output=$output" "$@" >"$output.out" 2>"$output.err"
    fi
}

# must_run RANKS OUTPUT [ARGUMENT ...]: the same, and exit code 0 is demanded.
must_run() {
    local code=0
    judd_at "$@" || code=$?
    [ "$code" = 0 ] || fail "$2 on $1 ranks ended with $code: $(cat "$2.err")"
}

# start RANKS OUTPUT [ARGUMENT ...]: in the background, in a session of its own ($started).
start() {
    local ranks=$1 output=$2
    shift 2
    setsid "$JUDD_SOURCE/tests/mpirun.sh" "$ranks" "$JUDD" run job.cfg --quiet \
        --set "output=$output" "$@" >"$output.out" 2>"$output.err" &
    started=$!
}

# Processes of the session that still run (in containers nobody may reap those that ended)
members() {
    ps -o stat=,pid= -s "$started" | awk '$1 !~ /^Z/ { print $2 }'
}

# kill -9 of the launcher and of every rank at once
kill_started() {
    send KILL
    wait "$started" 2>/dev/null || true
    while [ -n "$(members)" ]; do sleep 0.05; done
    started=
}

rank_of() {
    tr '\0' '\n' <"/proc/$1/environ" 2>/dev/null | sed -n 's/^OMPI_COMM_WORLD_RANK=//p'
}

# process_of RANK: of the job that was started
process_of() {
    local pid
    for pid in $(members); do
        if [ "$(rank_of "$pid")" = "$1" ]; then
            echo "$pid"
            return
        fi
    done
    fail "no process of rank $1"
}

# ended_within SECONDS: nothing of the job runs any more; $code is the launcher's
ended_within() {
    wait_until "$1" eval '[ -z "$(members)" ]' || return 1
    code=0
    wait "$started" || code=$?
    started=
}

stop_started() {
    [ -z "$started" ] || kill_started
}

# wait_until SECONDS COMMAND ...: poll until the command holds
wait_until() {
    local end=$((EPOCHSECONDS + $1))
    shift
    until "$@"; do # not more often: a look takes a few forks, and the job needs the core
        [ "$EPOCHSECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
}

send() {
    local pids
    pids=$(members)
    # shellcheck disable=SC2086 # a list of numbers
    kill "-$1" $pids 2>/dev/null || true
}

# kill_when COMMAND ...: kill -9 of everything at a moment when the command holds. The ranks are
# stopped for the last look, so that the moment does not pass between the look and the kill.
kill_when() {
    local end=$((EPOCHSECONDS + 120))
    while [ "$EPOCHSECONDS" -lt "$end" ]; do
        if "$@"; then
            send STOP
            if "$@"; then
                kill_started
                return
            fi
            send CONT
        fi
        [ -n "$(members)" ] || fail "the job ended before: $*"
        sleep 0.01
    done
    fail "no moment for a kill: $*"
}

same() {
    cmp "$1" "$2" >&2 || fail "$1 and $2 differ"
}

same_results() {
    same "$1/results.jsonl" "$2/results.jsonl"
    same "$1/verdicts.jsonl" "$2/verdicts.jsonl"
}

# same_table A B: what was printed, but for the seconds, which are measured
same_table() {
    for table in "$1" "$2"; do
        sed -E 's/ +([-+][0-9.]+|-)(  (positive|negative|neutral|inconclusive))/\2/' "$table" >"$table.cut"
    done
    same "$1.cut" "$2.cut"
}

# sum_of OUTPUT KEY: of the features records in timing.jsonl
sum_of() {
    "$python" - "$1/timing.jsonl" "$2" <<'PY'
import json, sys
records = [json.loads(line) for line in open(sys.argv[1])]
print(sum(r[sys.argv[2]] for r in records if r["phase"] == "features"))
PY
}
