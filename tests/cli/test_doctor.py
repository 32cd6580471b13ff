import json, os, shutil, subprocess, tempfile

judd, source, build = (os.environ[name] for name in ("JUDD", "JUDD_SOURCE", "JUDD_BUILD"))


def doctor(ranks, *words, **variables):
    command = [judd] if ranks == 0 else [f"{source}/tests/mpirun.sh", str(ranks), judd]
    result = subprocess.run([*command, "doctor", "--json", *words], capture_output=True, text=True,
                            env={**os.environ, **variables}, timeout=100)
    assert result.stdout, result
    report = json.loads(result.stdout)
    assert report["usable"] == (result.returncode == 0) == (report["problems"] == 0), result
    found = {c["check"]: c for c in report["checks"]}
    assert len(found) == len(report["checks"]), report
    for check in report["checks"]:  # a fact always, a remedy if something is to be done
        assert check["fact"] and (check["remedy"] is None) == (check["verdict"] == "ok"), check
    return result.returncode, found


with tempfile.TemporaryDirectory() as folder:
    cache, output, tables = (f"{folder}/{name}" for name in ("cache", "output", "tables"))
    os.mkdir(tables)
    here = {"JUDD_CACHE": cache, "TMPDIR": tables}
    for ranks in 1, 3:
        code, found = doctor(ranks, output, **here)
        assert code == 0 and not [c for c in found.values() if c["verdict"] == "problem"], found
        for name in "output", "cache", "TMPDIR":
            assert found[f"{name} HDF5"]["verdict"] == found[f"{name} lock"]["verdict"] == "ok", found
        assert f"keeps out {ranks} of {ranks}" in found["output lock"]["fact"], found
        assert ("single copy" in found) == (ranks > 1)
    assert (found["cores"]["verdict"] == "warning") == (len(os.sched_getaffinity(0)) < 3), found["cores"]
    assert [f for f in os.listdir(tables) if f.startswith("judd-")] == [], os.listdir(tables)
    assert not os.path.exists(cache) and not os.path.exists(output)

    with open(f"{folder}/file", "w"):
        pass
    code, found = doctor(0, f"{folder}/file", **here)
    assert code == 74 and found["output"]["verdict"] == "problem" and "file" in found["output"]["fact"], found
    assert found["cache"]["verdict"] == "ok", found

    if shutil.which("orted"):  # a single process starts it
        os.symlink(shutil.which("orted"), f"{folder}/orted")
    code, found = doctor(0, output, **here, PATH=folder, JUDD_SHARE=folder,
                         OMPI_MCA_plm_rsh_agent="/bin/true")
    assert code == 0, found
    assert {name for name, c in found.items() if c["verdict"] == "warning"} >= {"launcher", "gnuplot", "presets"}, found

    # A folder that refuses locks and one that ignores them, by a library in between
    with open(f"{folder}/lock.c", "w") as file:
        file.write('#include <errno.h>\n#include <stdlib.h>\n'
                   'int flock(int fd, int how) { (void)fd; (void)how;\n'
                   '    if (getenv("LOCKS_IGNORED")) return 0;\n    errno = ENOLCK;\n    return -1; }\n')
    subprocess.run(["cc", "-shared", "-fPIC", f"{folder}/lock.c", "-o", f"{folder}/lock.so"], check=True)
    if "fsanitize=address" not in open(f"{build}/CMakeCache.txt").read():
        code, found = doctor(0, output, **here, LD_PRELOAD=f"{folder}/lock.so")
        assert code == 0 and found["output lock"]["verdict"] == "warning", found
        assert "No locks available" in found["output lock"]["fact"], found
        code, found = doctor(0, output, **here, LD_PRELOAD=f"{folder}/lock.so", LOCKS_IGNORED="1")
        assert "keeps out 0 of 1" in found["output lock"]["fact"], found
        assert found["output lock"]["verdict"] == "warning", found
