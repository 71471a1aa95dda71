#!/usr/bin/env python3
"""Whole runs of `recipients check` beside rivals that do the same work or less, in rounds in which
everybody runs once, so that a slow minute of the machine hits all alike.

Usage:
    cargo build --release && cargo build --release --examples -p recipients-benches-compare
    python3 xtask/compare.py [--rows 1000000 10000000] [--rounds 5] [--kinds one six template]
        [--folder target/lists] [--memory 256M] [--patient]

Lists are made once and kept in the folder. DuckDB takes part if `import duckdb` works (PyPI), the
straightforward program with lists of up to 10 million rows if --patient is given: it takes long.
"""
import argparse, os, pathlib, statistics, subprocess, sys, time

root = pathlib.Path(__file__).resolve().parent.parent
binary, rivals = root / "target/release/recipients", root / "target/release/examples/rivals"
parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
parser.add_argument("--rounds", type=int, default=5)
parser.add_argument("--kinds", nargs="+", default=["one", "six", "template"])
parser.add_argument("--folder", type=pathlib.Path, default=root / "target/lists")
parser.add_argument("--memory")
parser.add_argument("--patient", action="store_true")
args = parser.parse_args()
has_duckdb = subprocess.run([sys.executable, "-c", "import duckdb"], capture_output=True).returncode == 0
if not has_duckdb:
    print("DuckDB is not there (pip install duckdb) and does not take part\n")

DUCKDB = r"""
import duckdb, sys
file, column, threads = sys.argv[1:]
duckdb.execute(f"set threads={threads}")
columns = "columns={'c0': 'VARCHAR'}, header=false, delim=';'" if column == "0" else \
    "header=true, all_varchar=true, delim=';', quote='\"'"
name = {"0": "c0", "1": "recipient", "3": "телефон"}[column]
print(duckdb.execute(f"select count(*) from (select distinct \"{name}\" n from read_csv('{file}', {columns})"
    " where regexp_matches(n, '^[+]?[1-9][0-9]{6,14}$'))").fetchone())
"""
COLUMN = {"one": "0", "template": "1", "six": "3"}
TEXT = "Вітаємо, {name}! Ваш код {code}"


def made(kind, rows, *more):
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / "-".join([kind, str(rows), *more])
    if not path.exists():
        subprocess.run([rivals, "list", kind, str(rows), str(path) + ".new", *more], check=True)
        os.rename(str(path) + ".new", path)
    return path


def run(command):
    start = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 1), (command, code)
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def programs(kind, rows):
    file, stop = made(kind, rows), made("stop", 1_000_000)
    utf8 = file if kind == "one" else made(kind, rows, "utf8")
    packed = args.folder / "stop.set"
    if not packed.exists():
        subprocess.run([binary, "stoplist", "build", "--output", packed, stop], check=True, stdout=subprocess.DEVNULL)
    yield "wc -l", ["wc", "-l", file]
    yield "csv, reading only", [rivals, "csv", file]
    if has_duckdb:
        for threads in (1, 2):
            yield f"DuckDB, {threads} threads", [sys.executable, "-c", DUCKDB, utf8, COLUMN[kind], str(threads)]
    if args.patient and rows <= 10_000_000:
        yield "csv + rlibphonenumber + HashSet", [rivals, "straightforward", file, stop]
    ours = [binary, "check", file]
    if kind == "template":
        ours += ["--text", TEXT]
    for threads in (1, 2):
        yield f"recipients, {threads} threads", [*ours, "--stop-list", stop, "--threads", str(threads)]
    yield "recipients, 2 threads, packed stop list", [*ours, "--stop-list", packed, "--threads", "2"]
    out = args.folder / "out.csv"
    if rows <= 10_000_000:
        yield "recipients, 2 threads, a verdict a row", [*ours, "--stop-list", stop, "--output", out, "--threads", "2"]
    if args.memory:
        yield f"recipients, 2 threads, {args.memory}", [*ours, "--stop-list", stop, "--memory", args.memory, "--threads", "2"]
    if args.memory and rows <= 10_000_000:
        yield f"recipients, 2 threads, a verdict a row, {args.memory}", [
            *ours, "--stop-list", stop, "--output", out, "--memory", args.memory, "--threads", "2"]


for kind in args.kinds:
    for rows in args.rows:
        everybody = dict(programs(kind, rows))
        figures = {name: [] for name in everybody}
        for _ in range(args.rounds):
            for name, command in everybody.items():
                figures[name].append(run(command))
        medians = {name: [statistics.median(column) for column in zip(*runs)] for name, runs in figures.items()}
        base = medians["csv, reading only"][0]
        print(f"{rows:,} rows, {args.rounds} rounds:\n")
        print("| | wall s | to csv | user + sys s | ns a row | peak MiB |\n|---|---:|---:|---:|---:|---:|")
        for name, (wall, cpu, peak) in medians.items():
            print(f"| {name} | {wall:.3f} | {wall / base:.2f} | {cpu:.3f} | {cpu / rows * 1e9:.1f} | {peak:.0f} |")
        print(flush=True)
