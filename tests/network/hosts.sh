# shellcheck shell=bash
# Sourced first: several hosts on one machine, joined by a bridge, or by a slow wire. Each has processes, a host name, mounts
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
wire= # its process; empty: a bridge
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

# hosts_wire N DELAY_US MBIT_S LOSS_PERCENT: instead of the bridge, for hosts that are switched on later
hosts_wire() {
    local i ports=(port-control)
    for ((i = 1; i <= $1; i++)); do ports+=("port-node$i"); done
    ip link delete lan
    "$JUDD_BUILD/tests/wire" "$2" "$3" "$4" "${ports[@]}" &
    wire=$!
    until ip link show "port-node$1" >/dev/null 2>&1; do
        kill -0 "$wire" 2>/dev/null || hosts_skip "no /dev/net/tun"
        sleep 0.02
    done
    ip address add 10.99.0.254/24 dev port-control
    ip link set port-control up
}

# host_on NODE: switch on, with nothing running
host_on() {
    local parent init port=port-$1
    # shellcheck disable=SC2016 # the inner shell's
    unshare --fork --kill-child --pid --mount-proc --mount --net --uts bash -c \
        'ip link set lo up && hostname "$1" || exit; sleep infinity & wait' \
        bash "$1" 2>"$TMPDIR/$1.err" &
    parent=$!
    until init=$(pgrep -P "$parent"); do sleep 0.02; done
    host_init[$1]=$init
    until [ "$(host "$1" hostname)" = "$1" ]; do sleep 0.02; done
    if [ -n "$wire" ]; then
        ip link set "$port" netns "$init" name eth0
    else
        ip link add name "$port" type veth peer name eth0 netns "$init"
        ip link set "$port" master lan up
    fi
    host "$1" ip address add "10.99.0.${1#node}/24" dev eth0
    host "$1" ip link set eth0 up
}

# host NODE COMMAND ...: there
host() {
    nsenter --target "${host_init[$1]}" --pid --mount --net --uts --wd="$PWD" "${@:2}"
}

# host_off NODE: power loss, on a bridge. The cable goes first, so that no connection is closed: the others hear nothing.
host_off() {
    ip link delete "port-$1"
    kill -KILL "${host_init[$1]}"
    unset "host_init[$1]"
}
