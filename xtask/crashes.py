#!/usr/bin/env python3
"""Kills servers and uploads at random instants, and tears what they were writing.

    python3 xtask/crashes.py [KILLS] [SEED]      1000 kills if no number is given

Five instances side by side, each with a database of its own, and each a test that CI runs for a little:
two servers and two uploads are killed with SIGKILL, a quarter of the kills each; in the fifth, one after
the other, commits and checkpoints of the database lose some of their sectors, journals their ends, and the
program crashes at commits, hand-overs and calls, in a tenth as many schedules as there are kills. Afterwards everything that was acknowledged
must be there, once. Prints a line for each; exit code 1 if one of them has failed.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
# Seconds that no test takes.
HANGS = 600 + 10 * KILLS
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())


def build():
    """The test programs, by package and name."""
    packages = ["recipients-cli", "recipients-campaigns", "recipients-api-adapter"]
    command = ["cargo", "test", "--locked", "--all-features", "--no-run", "--message-format=json"]
    for package in packages:
        command += ["-p", package]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    programs = {}
    for line in told.splitlines():
        message = json.loads(line)
        if message.get("executable") and message["profile"]["test"]:
            package = pathlib.Path(message["manifest_path"]).parent
            programs[package.name, message["target"]["name"]] = (package, message["executable"])
    return programs


def run(programs, tests):
    """What became of tests that run one after the other."""
    begun = time.monotonic()
    told = ""
    failed = False
    for package, program, test, variables in tests:
        folder, executable = programs[package, program]
        command = [executable, "--exact", test, "--nocapture"]
        variables = {**os.environ, **variables}
        try:
            done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=HANGS)
        except subprocess.TimeoutExpired:
            return True, time.monotonic() - begun, f"{test} did not end within {HANGS} s"
        # A name that is no test's would pass.
        if done.returncode != 0 or "1 passed" not in done.stdout:
            failed = True
            told += done.stdout[-3000:] + done.stderr[-3000:]
    return failed, time.monotonic() - begun, told


def main():
    quarter = max(1, KILLS // 4)
    killed = lambda at: {"RECIPIENTS_KILLS": str(quarter), "RECIPIENTS_SEED": str(SEED + at)}
    # Ten to thirty crashes each.
    schedules = {"RECIPIENTS_SCHEDULES": str(max(10, KILLS // 10)), "RECIPIENTS_SEED": str(SEED)}
    torn = {"RECIPIENTS_SCHEDULES": str(max(4, KILLS // 40)), "RECIPIENTS_SEED": str(SEED)}
    server = ("cli", "serve", "kills_lose_nothing_that_was_acknowledged")
    upload = ("cli", "upload", "d24_exactly_once_through_kills")
    instances = [
        (f"server, {quarter} kills", [(*server, killed(0))]),
        (f"server, {quarter} kills", [(*server, killed(1))]),
        (f"upload, {quarter} kills", [(*upload, killed(2))]),
        (f"upload, {quarter} kills", [(*upload, killed(3))]),
        (
            "crashes, torn commits, checkpoints and journals",
            [
                ("campaigns", "torn", "torn_writes_leave_all_or_nothing", torn),
                ("campaigns", "model", "the_store_is_what_the_model_is", schedules),
                ("campaigns", "crashes", "whatever_crashes_nothing_is_lost_and_nothing_is_there_twice", schedules),
                ("campaigns", "scheduler", "d29_rates_hold_and_each_message_leaves_once", schedules),
                ("api-adapter", "upload", "d24_exactly_once_through_faults_and_crashes", schedules),
            ],
        ),
    ]
    programs = build()
    git = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    print(f"seed {SEED}, commit {commit}, {datetime.date.today().isoformat()}\n")
    print("| instance | seconds | result |\n|---|---:|---|")
    wrong = False
    with ThreadPoolExecutor(len(instances)) as pool:
        results = pool.map(lambda instance: run(programs, instance[1]), instances)
        for (name, _), (failed, seconds, told) in zip(instances, results):
            wrong |= failed
            print(f"| {name} | {seconds:.0f} | {'FAILED' if failed else 'all there, once'} |", flush=True)
            sys.stderr.write(told)
    sys.exit(1 if wrong else 0)


main()
