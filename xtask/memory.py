#!/usr/bin/env python3
"""Memory of whole runs of `recipients check`, with and without a verdict a row, and with little of it allowed.

Usage:
    cargo build --release && cargo build --release --examples -p recipients-benches-compare
    python3 xtask/memory.py

Prints the peak of each run, two threads, how many bytes each unique number more than in the run of the same kind
with a million rows came to, and what the peak may be: a constant, and 3 bytes for each unique number of a country or
12 for each of another list; with a verdict a row another constant more than the same run without, and 6 bytes for
each. Fails if a peak is larger. Lists are made once and kept in target/lists; with the results, which go there, too, they
need 7 GB.
"""
import json, os, pathlib, subprocess, sys

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


def wide(rows, path):
    """Numbers of a country that uses a thousand million, evenly."""
    written(rows, path, lambda row, state: 79_000_000_000 + (state >> 32) % 1_000_000_000)


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
# MiB that a run takes whatever the list, that sets may spend to be quicker while ranges are hardly filled, and that rows
# on their way to results take.
RUN, SPENT, ROWS = 32, 128, 80
# Name, list, millions of rows, arguments, constant, bytes a unique number.
KINDS = [
    ("of a country", country, [1, 10, 30, 100], [], RUN, 3),
    ("of a country, a verdict a row", country, [1, 10, 30], OUT, ROWS, 6),
    ("of a country, a verdict a row, `--memory 64M`", country, [10, 30], OUT + LITTLE, None, None),
    ("of a country with 10⁹ numbers", wide, [1, 10, 30], [], RUN + SPENT, 3),
    ("spread over ten countries", spread, [1, 10, 20, 40], [], RUN, 12),
    ("spread over ten countries, `--memory 64M`", spread, [10, 20], LITTLE, None, None),
    ("spread over ten countries, a verdict a row", spread, [1, 10, 20, 40], OUT, ROWS, 6),
    ("spread over ten countries, a verdict a row, `--memory 64M`", spread, [10, 20], OUT + LITTLE, None, None),
    ("filling 190 ranges evenly", even, [1, 4, 8, 16, 32], [], RUN, 12),
    ("filling 190 ranges evenly, a verdict a row", even, [1, 4, 8, 16, 32], OUT, ROWS, 6),
]
print("| rows | million | unique numbers, million | peak MiB | at most | bytes a unique number more |")
print("|---|---:|---:|---:|---:|---:|")
without, too_large = {}, False
for name, kind, sizes, arguments, constant, bytes_each in KINDS:
    first = None
    for millions in sizes:
        unique, peak = run(made(kind, millions * 1_000_000), arguments)
        more, most = "", ""
        if constant is not None:
            if first is not None:
                more = f"{(peak - first[1]) * 2**20 / (unique - first[0]):.1f}"
            before = without[kind, millions] if arguments else 0
            limit = before + constant + bytes_each * unique / 2**20
            too_large |= peak > limit
            most = f"{limit:.0f}"
        if not arguments:
            without[kind, millions] = peak
        print(f"| {name} | {millions} | {unique / 1e6:.1f} | {peak:.0f} | {most} | {more} |", flush=True)
        first = first or (unique, peak)
OUT[1].unlink(missing_ok=True)
sys.exit("a peak is larger than it may be" if too_large else 0)
