#!/usr/bin/env python3
"""Wall time and peak memory of whole runs of `recipients check` on made lists.

Usage: cargo build --release && python3 xtask/measure.py [ROWS...]
The lists are one column of Ukrainian and Russian mobiles, a tenth of them duplicates, made in a
temporary folder; the same rows count gives the same list.
"""
import os, pathlib, random, resource, subprocess, sys, tempfile, time

binary = pathlib.Path(__file__).resolve().parent.parent / "target/release/recipients"
counts = [int(arg) for arg in sys.argv[1:]] or [1_000_000, 5_000_000]
print("rows      threads  outputs   wall s   rows/s    peak MiB")
with tempfile.TemporaryDirectory() as folder:
    for count in counts:
        dice = random.Random(count)
        path = os.path.join(folder, f"{count}.txt")
        with open(path, "w") as out:
            seen = []
            for _ in range(count):
                if seen and dice.random() < 0.1:
                    out.write(dice.choice(seen) + "\n")
                    continue
                number = dice.choice(("38097", "38050", "7910", "7921")) + f"{dice.randrange(10**7):07}"
                if len(seen) < 100_000:
                    seen.append(number)
                out.write(number + "\n")
        for threads in (1, 2):
            for outputs in ((), ("--output", os.path.join(folder, "out.ndjson"))):
                start = time.monotonic()
                child = subprocess.Popen([binary, "check", path, "--json", "--threads", str(threads), *outputs],
                                         stdout=subprocess.DEVNULL)
                _, _, usage = os.wait4(child.pid, 0)
                wall = time.monotonic() - start
                print(f"{count:<9} {threads:<8} {'ndjson' if outputs else 'none':<8} {wall:7.2f}  {count / wall:8.0f}  {usage.ru_maxrss / 1024:8.0f}", flush=True)
