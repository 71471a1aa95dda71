#!/usr/bin/env python3
"""Makes tables of docs/performance.md, docs/fuzzing.md and docs/proofs.md again, each where it stands.

    python3 xtask/book.py               names the tables, their commands and when they were made
    python3 xtask/book.py NAME ...      makes these again
    python3 xtask/book.py all           makes all of them: some hours on a quiet machine

A table stands between two comments, the first of which has its name and command:

    <!-- table NAME: COMMAND -->
    ...
    <!-- made at COMMIT, DAY -->

The command is run in the root of the repository by a shell, after a build of what they all measure; what it
prints takes the place of what stood there, and commit and day are those of the run. It must print Markdown.

What `cargo bench` measures by criterion is printed by `xtask/book.py criterion GROUP`, which reads
target/criterion. A command that fails leaves its table as it was, and the exit code is 1.
"""

import datetime
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [ROOT / "docs" / page for page in ("performance.md", "fuzzing.md", "proofs.md")]
TABLE = re.compile(r"<!-- table (\S+): (.*?) -->\n(.*?)<!-- made at (.*?) -->", re.DOTALL)


def criterion(beginning):
    """The groups of this name, as columns; a row for each function: million elements a second."""
    found, rows = {}, {}
    for estimates in sorted((ROOT / "target/criterion").glob("*/*/new/estimates.json")):
        benchmark = json.loads((estimates.parent / "benchmark.json").read_text())
        group, function = benchmark["group_id"], benchmark["function_id"]
        if not group.startswith(beginning):
            continue
        took = json.loads(estimates.read_text())["median"]["point_estimate"]
        found[group] = None
        rows.setdefault(function, {})[group] = benchmark["throughput"]["Elements"] / took * 1000
    if not rows:
        sys.exit(f"nothing in target/criterion begins with {beginning}")
    print("| | " + " | ".join(group.removeprefix(beginning) for group in found) + " |")
    print("|---|" + "---:|" * len(found))
    for function, figures in rows.items():
        cells = (f"{figures[group]:.3g}" if group in figures else "–" for group in found)
        print(f"| {function} | " + " | ".join(cells) + " |")


def make(name, command):
    """What the command prints, or nothing if it fails."""
    print(f"{name}: {command}", flush=True)
    done = subprocess.run(command, shell=True, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    why = f"exit code {done.returncode}" if done.returncode else "it printed no table"
    if done.returncode or "|---" not in done.stdout:
        print(f"{name}: {why}; what stands there stays", file=sys.stderr)
        return None
    return done.stdout.strip() + "\n"


def main(wanted):
    known = [table[0] for page in PAGES for table in TABLE.findall(page.read_text())]
    unknown = [name for name in wanted if name not in [*known, "all"]]
    if unknown:
        sys.exit(f"no table is called {', '.join(unknown)}")
    if wanted:
        build = "cargo build --release --locked && cargo build --release --locked --examples -p recipients-benches-compare"
        subprocess.run(build, shell=True, cwd=ROOT, check=True)
    git = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    failed = False
    for page in PAGES:
        for name, command, _, made in TABLE.findall(page.read_text()):
            if not wanted:
                print(f"{name}: {command}\n    made at {made}")
            elif name in wanted or "all" in wanted:
                body = make(name, command)
                failed |= body is None
                if body is None:
                    continue
                table = f"<!-- table {name}: {command} -->\n{body}<!-- made at {commit}, {datetime.date.today()} -->"
                # The page may have been worked on meanwhile.
                text = page.read_text()
                new = TABLE.sub(lambda one: table if one[1] == name else one[0], text)
                page.write_text(new)
    sys.exit(1 if failed else 0)


if sys.argv[1:2] == ["criterion"] and len(sys.argv) == 3:
    criterion(sys.argv[2])
else:
    main(sys.argv[1:])
