# shellcheck shell=bash
# Sourced first: several hosts on one machine, joined by a bridge. Each has processes, a host name, mounts
# and a network of its own. The script that sources this runs again as the first process of namespaces
# of its own: whatever ends it ends all hosts with all they run, and leaves nothing behind.

hosts_skip() {
    echo "skipped: hosts in namespaces are not possible here: $*"
    exit 77
}

if [ -z "${JUDD_HOSTS:-}" ]; then
    for program in unshare nsenter ip; do
        command -v "$program" >/dev/null || hosts_skip "no $program (util-linux, iproute2)"
    done
    apart=(unshare --fork --kill-child --pid --mount-proc --mount --net --uts)
    [ "$(id -u)" -eq 0 ] || apart+=(--user --map-root-user)
    why=$("${apart[@]}" true 2>&1) || hosts_skip "$why"
    JUDD_HOSTS=begun exec "${apart[@]}" bash "$0" "$@"
fi
# The first process of a namespace is spared the signals that it does not ask for.
trap 'exit 130' INT TERM
why=$({ hostname control && mount -t tmpfs judd /dev/shm && ip link set lo up &&
    ip link add name lan type bridge && ip address add 10.99.0.254/24 dev lan &&
    ip link set lan up; } 2>&1) || hosts_skip "$why"
export TMPDIR=/dev/shm # in memory, and gone with the namespace
declare -A host_init # the first process of each host that is on

# hosts_names N: the hosts are node1 ... nodeN, and control, where the script runs
hosts_names() {
    local i
    {
        printf '%s\n' '127.0.0.1 localhost' '10.99.0.254 control'
        for ((i = 1; i <= $1; i++)); do echo "10.99.0.$i node$i"; done
    } >"$TMPDIR/hosts"
    mount --bind "$TMPDIR/hosts" /etc/hosts
}

# host_on NODE: switch on, with nothing running
host_on() {
    local parent init port=port-$1
    # shellcheck disable=SC2016 # the inner shell's
    unshare --fork --kill-child --pid --mount-proc --mount --net --uts bash -c \
        'ip link set lo up && mount -t tmpfs judd /tmp && hostname "$1" || exit; sleep infinity & wait' \
        bash "$1" 2>"$TMPDIR/$1.err" &
    parent=$!
    until init=$(pgrep -P "$parent"); do sleep 0.02; done
    host_init[$1]=$init
    until [ "$(host "$1" hostname)" = "$1" ]; do sleep 0.02; done
    ip link add name "$port" type veth peer name eth0 netns "$init"
    host "$1" ip address add "10.99.0.${1#node}/24" dev eth0
    host "$1" ip link set eth0 up
    ip link set "$port" master lan up
}

# host NODE COMMAND ...: there
host() {
    nsenter --target "${host_init[$1]}" --pid --mount --net --uts --wd="$PWD" "${@:2}"
}

# host_cut NODE, host_mend NODE: the cable
host_cut() { ip link set "port-$1" down; }
host_mend() { ip link set "port-$1" up; }

# host_off NODE: power loss. The cable goes first, so that no connection is closed: the others hear nothing.
host_off() {
    ip link delete "port-$1"
    kill -KILL "${host_init[$1]}"
    unset "host_init[$1]"
}
