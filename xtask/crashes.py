#!/usr/bin/env python3
"""Kills servers and uploads at random instants, and tears what they were writing.

    python3 xtask/crashes.py [KILLS] [SEED]      1000 kills if no number is given

Seven instances side by side, each with a database of its own. Four are tests that CI runs for a little:
two servers and two uploads are killed with SIGKILL, a quarter of the kills each. In two more, with as many
kills each, an upload and its server run together, and the one, the other or both are killed, the server
now and then before it listens again; it comes back at the same address. In the last one, tests of which
CI runs a little, one after the other, commits and checkpoints of the database lose some of their sectors,
journals their ends, and the program crashes at commits, hand-overs and calls, in a tenth as many schedules
as there are kills. Afterwards everything that was acknowledged must be there, once, and of an upload all
good rows and no others. Prints a line for each; exit code 1 if one of them has failed. RECIPIENTS is the
binary of which server and upload run together, if not the one that is built here.
"""

import datetime
import functools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

ROOT = pathlib.Path(__file__).resolve().parent.parent
KILLS = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
# Seconds that no test takes.
HANGS = 600 + 10 * KILLS
SEED = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
# Seconds that an upload that is left alone does not take, the pauses between its attempts included.
CALM = 300


def build():
    """The test programs, by package and name; and the binary."""
    packages = ["recipients-cli", "recipients-campaigns", "recipients-api-adapter"]
    command = ["cargo", "test", "--locked", "--all-features", "--no-run", "--message-format=json"]
    for package in packages:
        command += ["-p", package]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    programs, binary = {}, os.environ.get("RECIPIENTS")
    for line in told.splitlines():
        message = json.loads(line)
        if not message.get("executable"):
            continue
        if message["profile"]["test"]:
            package = pathlib.Path(message["manifest_path"]).parent
            programs[package.name, message["target"]["name"]] = (package, message["executable"])
        elif message["target"]["name"] == "recipients":
            binary = binary or message["executable"]
    return programs, binary


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


class Pair:
    """A server and the uploads to it, one after the other, every fourth as one file."""

    def __init__(self, binary, folder, kills, seed):
        self.binary, self.folder, self.kills, self.dice = binary, folder, kills, random.Random(seed)
        self.killed = self.rounds = 0
        self.address = "127.0.0.1:0"
        add = [binary, "account", "add", "test", "--db", folder / "test.db"]
        self.key = subprocess.check_output(add, text=True).strip()
        self.start()

    def start(self):
        """Starts the server at the address that it had; now and then it is killed as it gets ready."""
        command = [self.binary, "serve", "--db", self.folder / "test.db", "--listen", self.address]
        while True:
            with open(self.folder / "server.log", "a") as log:
                self.server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
            if self.killed == 0 or self.killed >= self.kills or self.dice.random() < 0.7:
                break
            time.sleep(self.dice.random() * 0.01)
            self.kill_server()
        line = self.server.stdout.readline()
        assert "://" in line, f"the server did not start: {line!r}"
        self.address = line.split("://")[1].split("/")[0]

    def kill_server(self):
        assert self.server.poll() is None, f"the server ended by itself: {self.server.returncode}"
        self.server.kill()
        self.server.wait()
        self.server.stdout.close()
        self.killed += 1

    def call(self, method, *fields):
        body = urllib.parse.urlencode([("apiKey", self.key), *fields]).encode()
        with urllib.request.urlopen(f"http://{self.address}/service/{method}", body, 60) as answer:
            envelope = json.load(answer)
        assert envelope["code"] == 0, f"{method}: {envelope}"
        return envelope["data"]

    def disturb(self, upload):
        """Kills one of them or both until the upload has ended or there were kills enough."""
        while self.killed < self.kills:
            time.sleep(self.dice.random() * 0.3)
            if upload.poll() is not None:
                return
            victims = self.dice.choice(["upload", "server", "upload, server", "server, upload"]).split(", ")
            for victim in victims:
                if victim == "upload":
                    # Counted when it is known that it has not ended by itself just now.
                    upload.kill()
                else:
                    self.kill_server()
            if "server" in victims:
                time.sleep(self.dice.random() * 0.1)
                self.start()
            if "upload" in victims:
                return

    def upload(self):
        """An upload through kills, to a new campaign or one that holds something, and what came of it."""
        self.rounds += 1
        place = self.folder / str(self.rounds)
        place.mkdir()
        # Every seventh row is no number, and some numbers are there several times.
        rows = [f"38097{self.dice.randrange(1500):07}" if row % 7 != 3 else "none" for row in range(1500)]
        (place / "list.txt").write_text("\n".join(rows) + "\n")
        good = {row for row in rows if row != "none"}
        before = set()
        command = [self.binary, "upload", "list.txt", "--server", f"http://{self.address}", "--timeout", "1"]
        command += ["--json", "--output", "out.ndjson"]
        by_file = self.rounds % 4 == 0
        command += ["--via", "file"] if by_file else ["--batch", "20"]
        if self.rounds % 3 == 0:
            command += ["--create", "--text", "Hello"]
        else:
            campaign = self.call("campaign/create", ("data[text]", "Hello"))
            some = sorted(good)[::5]
            self.call("campaign/addrecipients", ("id", campaign), ("recipients", ",".join(some)))
            command += ["--campaign", campaign]
            if self.rounds % 3 == 1:
                command.append("--replace")
            else:
                before = set(some)
        while True:
            if (place / "list.txt.journal").exists():
                command = [self.binary, "resume", "list.txt.journal"]
            variables = {**os.environ, "RECIPIENTS_API_KEY": self.key}
            pipe = subprocess.PIPE
            process = subprocess.Popen(command, cwd=place, env=variables, stdout=pipe, stderr=pipe, text=True)
            try:
                self.disturb(process)
                out, err = process.communicate(timeout=CALM)
            finally:
                process.kill()
                process.wait()
            if process.returncode in (0, 1):
                break
            if process.returncode == -9:
                self.killed += 1
            # Left to be resumed, or its first call found nobody.
            elif process.returncode not in (5, 10):
                raise AssertionError(f"exit code {process.returncode}: {err}")
        self.check(place, json.loads(out)["upload"], rows, good, before, by_file)

    def check(self, place, told, rows, good, before, by_file):
        """Each good row was added once; what was told of the rows is so."""
        found = []
        for page in range(1000):
            fields = [("criteria[campaignIds]", told["campaign"]), ("pagination[currentPage]", page)]
            items = self.call("message/list", *fields, ("pagination[pageSize]", 100))["items"]
            found += [item["to"] for item in items]
            if not items:
                break
        assert len(found) == len(set(found)), "a number was added twice"
        assert set(found) == good | before, f"missing {good - set(found)}, too many {set(found) - good - before}"
        counters = self.call("campaign/getinfo", ("id", told["campaign"]))["counters"]
        assert counters["totalMsgNum"] == str(len(found)), counters
        assert told["accepted"] == len(good - before) and told["present"] == len(good & before), told
        assert told["unknown"] == 0, told
        assert told["accepted"] + told["present"] + told["rejected"] + told["duplicates"] == len(rows), told
        lines = [json.loads(line) for line in (place / "out.ndjson").read_text().splitlines()]
        assert len(lines) == len(rows), len(lines)
        # Of a file the server does not tell which rows it had.
        if by_file:
            return
        for state, numbers in (("accepted", good - before), ("present", good & before)):
            said = [line["number"] for line in lines if line["state"] == state]
            assert sorted(said) == sorted(numbers), f"{state} is said of other rows"


def together(binary, kills, seed):
    """What became of a server and its uploads."""
    begun = time.monotonic()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="recipients-crashes-"))
    pair = None
    try:
        pair = Pair(binary, folder, kills, seed)
        while pair.killed < kills:
            pair.upload()
        recount = [binary, "db", "recount", "--db", folder / "test.db"]
        recount = subprocess.run(recount, capture_output=True, text=True)
        assert recount.returncode == 0, recount.stdout + recount.stderr
    except Exception:  # noqa: BLE001 - whatever it is, it is told
        rounds = pair.rounds if pair else 0
        told = f"server and upload, seed {seed}, upload {rounds}, left in {folder}:\n{traceback.format_exc()}"
        return True, time.monotonic() - begun, told
    finally:
        if pair:
            pair.server.kill()
            pair.server.wait()
    shutil.rmtree(folder)
    return False, time.monotonic() - begun, ""


def main():
    quarter = max(1, KILLS // 4)
    killed = lambda at: {"RECIPIENTS_KILLS": str(quarter), "RECIPIENTS_SEED": str(SEED + at)}
    # Ten to thirty crashes each.
    schedules = {"RECIPIENTS_SCHEDULES": str(max(10, KILLS // 10)), "RECIPIENTS_SEED": str(SEED)}
    torn = {"RECIPIENTS_SCHEDULES": str(max(4, KILLS // 40)), "RECIPIENTS_SEED": str(SEED)}
    server = ("cli", "serve", "kills_lose_nothing_that_was_acknowledged")
    upload = ("cli", "upload", "d24_exactly_once_through_kills")
    programs, binary = build()
    tests = functools.partial(functools.partial, run, programs)
    both = functools.partial(functools.partial, together, binary, quarter)
    instances = [
        (f"server, {quarter} kills", tests([(*server, killed(0))])),
        (f"server, {quarter} kills", tests([(*server, killed(1))])),
        (f"upload, {quarter} kills", tests([(*upload, killed(2))])),
        (f"upload, {quarter} kills", tests([(*upload, killed(3))])),
        (f"server and upload together, {quarter} kills", both(SEED + 4)),
        (f"server and upload together, {quarter} kills", both(SEED + 5)),
        (
            "crashes, torn commits, checkpoints and journals",
            tests(
                [
                    ("campaigns", "torn", "torn_writes_leave_all_or_nothing", torn),
                    ("campaigns", "model", "the_store_is_what_the_model_is", schedules),
                    ("campaigns", "crashes", "whatever_crashes_nothing_is_lost_and_nothing_is_there_twice", schedules),
                    ("campaigns", "scheduler", "d29_rates_hold_and_each_message_leaves_once", schedules),
                    ("api-adapter", "upload", "d24_exactly_once_through_faults_and_crashes", schedules),
                ]
            ),
        ),
    ]
    git = ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"]
    commit = subprocess.run(git, capture_output=True, text=True).stdout.strip()
    print(f"seed {SEED}, commit {commit}, {datetime.date.today().isoformat()}\n")
    print("| instance | seconds | result |\n|---|---:|---|")
    wrong = False
    with ThreadPoolExecutor(len(instances)) as pool:
        results = pool.map(lambda instance: instance[1](), instances)
        for (name, _), (failed, seconds, told) in zip(instances, results):
            wrong |= failed
            print(f"| {name} | {seconds:.0f} | {'FAILED' if failed else 'all there, once'} |", flush=True)
            sys.stderr.write(told)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
