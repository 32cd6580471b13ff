"""freeze.py COMMAND OUTPUT STEP: stop the processes whose command begins so, at a moment when a head has a
checkpoint to go on from, of STEP at most; prints them. Exit code 1: there was none within 120 s."""
import glob, os, re, signal, sys, time

command, output, most = sys.argv[1], sys.argv[2], int(sys.argv[3])


def ranks():
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline", "rb") as file:
                if file.read().replace(b"\0", b" ").decode(errors="replace").startswith(command):
                    found.append(int(name))
        except OSError:
            pass  # it has ended
    return found


def send(processes, which):
    for process in processes:
        try:
            os.kill(process, which)
        except ProcessLookupError:
            pass


def in_training():
    steps = [int(re.search(r"step-(\d+)/", path)[1]) for path in glob.glob(f"{output}/checkpoints/*/step-*[0-9]/MANIFEST")]
    return bool(steps) and max(steps) <= most


end, looks, processes = time.monotonic() + 120, 0, []
while time.monotonic() < end:
    if looks % 16 == 0 or not processes:
        processes = ranks()
    looks += 1
    if processes and os.path.exists(f"{output}/judd.log"):
        send(processes, signal.SIGSTOP)
        if in_training():
            processes = ranks()
            send(processes, signal.SIGSTOP)
            print(*processes)
            sys.exit(0)
        send(processes, signal.SIGCONT)
    time.sleep(0.005)
sys.exit(1)
