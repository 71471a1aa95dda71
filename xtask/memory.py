#!/usr/bin/env python3
"""Memory of whole runs of `recipients check`, with and without a verdict a row, and with little of it allowed.

Usage:
    cargo build --release && cargo build --release --examples -p recipients-benches-compare
    python3 xtask/memory.py

Prints the peak of each run, two threads, and how many bytes each unique number more than in the run of the same kind
with a million rows came to. Lists are made once and kept in target/lists; results go there, too, and need 4 GB.
"""
import json, os, pathlib, subprocess

root = pathlib.Path(__file__).resolve().parent.parent
binary, rivals = root / "target/release/recipients", root / "target/release/examples/rivals"
folder = root / "target/lists"
# Calling codes, and how many digits follow.
COUNTRIES = [("380", 9), ("7", 10), ("55", 11), ("49", 11), ("91", 10), ("33", 9), ("44", 10), ("1", 10), ("86", 11), ("52", 10)]


def country(rows, path):
    subprocess.run([rivals, "list", "one", str(rows), path], check=True)


def written(rows, path, number):
    """A number for each row, of its place and 64 bits that look random."""
    state = 1
    with open(path, "w") as out:
        for start in range(0, rows, 100_000):
            lines = []
            for row in range(start, min(start + 100_000, rows)):
                state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
                lines.append(f"{number(row, state)}\n")
            out.write("".join(lines))


def spread(rows, path):
    """Numbers that have nothing in common but the countries."""
    def number(row, state):
        code, digits = COUNTRIES[row % len(COUNTRIES)]
        return f"{code}{(state >> 16) % 9 + 1}{(state >> 20) % 10 ** (digits - 1):0{digits - 1}}"

    written(rows, path, number)


def even(rows, path):
    """The same number of them in each of 190 ranges of 2^24, so that all tables of the set grow and burst at once."""
    written(rows, path, lambda row, state: (4180 + row % 190 * 3 << 24) + (state >> 32) % 2**24)


def made(kind, rows):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{'one' if kind is country else kind.__name__}-{rows}"
    if not path.exists():
        kind(rows, str(path) + ".new")
        os.rename(str(path) + ".new", path)
    return path


def run(path, arguments):
    command = [binary, "check", path, "--threads", "2", "--lines", "possible", "--json", *arguments]
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    told = json.load(child.stdout)
    _, status, usage = os.wait4(child.pid, 0)
    assert os.waitstatus_to_exitcode(status) in (0, 1, 3), command
    return told["accepted"], usage.ru_maxrss / 1024


OUT = ["--output", folder / "out.csv"]
LITTLE = ["--memory", "64M"]
KINDS = [
    ("of a country", country, [1, 10, 30, 100], []),
    ("of a country, a verdict a row", country, [1, 10, 30], OUT),
    ("of a country, a verdict a row, `--memory 64M`", country, [10, 30], OUT + LITTLE),
    ("spread over ten countries", spread, [1, 10, 20, 40], []),
    ("spread over ten countries, `--memory 64M`", spread, [10, 20], LITTLE),
    ("spread over ten countries, a verdict a row", spread, [1, 10, 20, 40], OUT),
    ("spread over ten countries, a verdict a row, `--memory 64M`", spread, [10, 20], OUT + LITTLE),
    ("filling 190 ranges evenly", even, [1, 4, 8, 16], []),
    ("filling 190 ranges evenly, a verdict a row", even, [1, 4, 8, 16], OUT),
]
print("| rows | million | unique numbers, million | peak MiB | bytes a unique number more |")
print("|---|---:|---:|---:|---:|")
for name, kind, sizes, arguments in KINDS:
    first = None
    for millions in sizes:
        unique, peak = run(made(kind, millions * 1_000_000), arguments)
        more = "" if first is None or LITTLE[0] in arguments else f"{(peak - first[1]) * 2**20 / (unique - first[0]):.1f}"
        print(f"| {name} | {millions} | {unique / 1e6:.1f} | {peak:.0f} | {more} |", flush=True)
        first = first or (unique, peak)
OUT[1].unlink(missing_ok=True)
