#!/usr/bin/env python3
"""Mixed load on the server for some minutes: what it does to memory, descriptors and latency.

    cargo build --release -p recipients-cli && python3 xtask/soak.py [MINUTES] [--hostile]

Four clients make campaigns, add recipients (numbers, templates, tracked links, contacts, groups, files),
look, list, send, follow links and delete, one behind the other without a pause; a fifth asks for
`GetInfo` ten times a second, and its times are the latency. Each ten seconds the server's memory and
descriptors are written down. With --hostile the middle third is spent under attack: connections that say
nothing, that say a byte a second, that come and go, and bodies of 15 MB; beside it the same clients.

Prints percentiles of the latency in each third, memory and descriptors at the end of each third, and
counts of calls and errors. Exit code 1 if a call failed, the last third holds more than 5 % more memory
or descriptors (and 8) than the first, or p99 under attack is more than three times the quiet one.
"""

import http.client
import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = ROOT / "target/release/recipients"
HOSTILE = "--hostile" in sys.argv
NUMBERS = [float(arg) for arg in sys.argv[1:] if not arg.startswith("-")]
SECONDS = (NUMBERS[0] if NUMBERS else 5) * 60


class Client:
    """A connection that stays open; a call that must succeed."""

    def __init__(self, address, key):
        self.address, self.key, self.calls, self.errors = address, key, 0, []
        self.http = http.client.HTTPConnection(address, timeout=60)

    def call(self, method, fields=(), codes=(0,), body=None, kind="application/x-www-form-urlencoded"):
        self.calls += 1
        if body is None:
            body = urllib.parse.urlencode([("apiKey", self.key), *fields])
        try:
            path = f"/service/{method}"
            if kind.startswith("multipart"):
                path += f"?apiKey={self.key}"
            self.http.request("POST", path, body, {"Content-Type": kind})
            answer = json.loads(self.http.getresponse().read())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is counted
            self.errors.append(f"{method}: {error!r}")
            self.http.close()
            return None
        if answer["code"] not in codes:
            self.errors.append(f"{method}: {answer['code']} {answer['message']}")
        return answer["data"]

    def follow(self, path):
        self.calls += 1
        try:
            self.http.request("GET", path)
            answer = self.http.getresponse()
            answer.read()
            if answer.status != 302:
                self.errors.append(f"{path}: {answer.status}")
        except Exception as error:  # noqa: BLE001
            self.errors.append(f"follow: {error!r}")
            self.http.close()


def multipart(fields, name, text):
    parts = [f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields]
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="list.csv"\r\n\r\n'
    return ("".join(parts) + head + text + "\r\n--b--\r\n").encode()


def work(client, seed, over):
    """One client's life."""
    chance = random.Random(seed)
    numbers = lambda count: [str(380_970_000_000 + chance.randrange(10_000_000)) for _ in range(count)]
    link = client.call("link/create", [("data[fullLink]", "https://example.com/")])
    group = client.call("contactgroup/create", [("data[name]", f"group {seed}")])
    cards = []
    for number in numbers(20):
        card = client.call("contactcard/create", [("data[mobile][value]", number), ("data[name]", "Ann")])
        cards.append(card)
        client.call("contactcard/setgroups", [("id", card), ("groupIds", group)])
    while not over.is_set():
        tracked = chance.random() < 0.3
        text = f"Sale {link['shortLink']} {{name}}" if tracked else "Dear {name}"
        fields = [("data[text]", text), ("data[type]", 3), ("data[trackShortLinkRecipients]", int(tracked))]
        campaign = client.call("campaign/create", fields)
        for _ in range(chance.randrange(1, 5)):
            rows = numbers(chance.choice([1, 50, 500]))
            fields = [("id", campaign)]
            for at, number in enumerate(rows):
                fields += [(f"recipients[{at}][recipient]", number), (f"recipients[{at}][name]", "Olha")]
            client.call("campaign/addrecipients", fields, (0, 98, 99))
        contacts = ",".join(chance.sample(cards, 5))
        client.call("campaign/addrecipients", [("id", campaign), ("recipientContacts", contacts)], (0, 98, 99))
        if chance.random() < 0.2:
            text = "recipient,name\n" + "".join(f"{number},Ivan\n" for number in numbers(5000))
            body = multipart([("id", campaign)], "recipientsFile", text)
            task = client.call("campaign/addrecipients", (), (100,), body, "multipart/form-data; boundary=b")
            while not over.is_set():
                time.sleep(1.05)
                status = client.call("taskqueue/getstatus", [("id", task)])
                if not status or status["status"] > 1:
                    break
        client.call("campaign/getinfo", [("id", campaign)])
        client.call("campaign/list", [("criteria[recipient]", "38097"), ("pagination[pageSize]", 10)])
        if chance.random() < 0.2:
            client.call("campaign/delete", [("id", campaign)], (0, 10))
        else:
            client.call("campaign/send", [("id", campaign)], (0, 10))
        client.call("message/list", [("criteria[campaignIds]", campaign), ("pagination[pageSize]", 5)])
        client.follow("/l/" + link["code"])


def ask(client, campaign, over, times):
    """The client whose time is taken."""
    while not over.is_set():
        began = time.monotonic()
        client.call("campaign/getinfo", [("id", campaign)])
        times.append((began, time.monotonic() - began))
        time.sleep(0.1)


def attack(address, over):
    """Slow, empty, short-lived and huge."""
    host, port = address.split(":")

    def slow():
        held = []
        while not over.is_set():
            try:
                if len(held) < 200:
                    held.append(socket.create_connection((host, int(port)), 5))
                for one in held:
                    one.send(b"P")
            except OSError:
                held = []
            time.sleep(0.05)
        for one in held:
            one.close()

    def flood():
        while not over.is_set():
            try:
                socket.create_connection((host, int(port)), 5).close()
            except OSError:
                pass
            time.sleep(0.002)

    def huge():
        while not over.is_set():
            try:
                connection = http.client.HTTPConnection(address, timeout=30)
                connection.request("POST", "/service/campaign/create?apiKey=none", b"a=" + b"x" * (15 << 20))
                connection.getresponse().read()
            except OSError:
                pass
            time.sleep(0.2)

    threads = [threading.Thread(target=work) for work in (slow, flood, huge)]
    for thread in threads:
        thread.start()
    return threads


def vitals(process):
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    memory = int(status.split("VmRSS:")[1].split()[0]) / 1024
    return memory, len(os.listdir(f"/proc/{process.pid}/fd"))


def main():
    with tempfile.TemporaryDirectory(dir=ROOT / "target") as folder:
        db = pathlib.Path(folder) / "soak.db"
        keys = [
            subprocess.check_output([BINARY, "account", "add", f"a{n}", "--db", db], text=True).strip()
            for n in range(5)
        ]
        command = [BINARY, "serve", "--db", db, "--listen", "127.0.0.1:0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            run(process, process.stdout.readline().split("://")[1].split("/")[0], keys, db)
        finally:
            process.kill()
            process.wait()


def run(process, address, keys, db):
    over = threading.Event()
    clients = [Client(address, key) for key in keys]
    times = []
    campaign = clients[4].call("campaign/create", [("data[text]", "Hello")])
    threads = [threading.Thread(target=work, args=(clients[n], n, over)) for n in range(4)]
    threads.append(threading.Thread(target=ask, args=(clients[4], campaign, over, times)))
    for thread in threads:
        thread.start()
    began = time.monotonic()
    seen, attackers, peace = [], [], threading.Event()
    while (passed := time.monotonic() - began) < SECONDS:
        if HOSTILE and not attackers and passed > SECONDS / 3:
            attackers = attack(address, peace)
        if attackers and passed > 2 * SECONDS / 3:
            peace.set()
        time.sleep(min(10, SECONDS / 30))
        seen.append((time.monotonic() - began, *vitals(process)))
    over.set()
    peace.set()
    for thread in threads + attackers:
        thread.join()
    errors = [error for client in clients for error in client.errors]
    failed = bool(errors)
    calls = sum(client.calls for client in clients)
    size = sum(path.stat().st_size for path in db.parent.glob("soak.db*") if path.is_file()) / 2**20
    print(f"{SECONDS / 60:g} minutes, {calls:,} calls, {len(errors)} errors, database {size:,.0f} MB\n")
    for error in errors[:10]:
        print("  ", error)
    print("| third | p50 ms | p99 ms | max ms | memory MB | descriptors |")
    print("|---|---:|---:|---:|---:|---:|")
    rows = []
    for third in range(3):
        first, last = third * SECONDS / 3, (third + 1) * SECONDS / 3
        taken = sorted(1000 * took for at, took in times if first <= at - began < last)
        part = [one for one in seen if first <= one[0] < last] or seen[-1:]
        # The first third warms caches up; its end counts.
        memory = statistics.median(one[1] for one in part[len(part) // 2 :])
        descriptors = statistics.median(one[2] for one in part[len(part) // 2 :])
        p50, p99 = taken[len(taken) // 2], taken[len(taken) * 99 // 100]
        rows.append((p50, p99, taken[-1], memory, descriptors))
        name = ["first", "second", "last"][third] + (" (attacked)" if HOSTILE and third == 1 else "")
        print(f"| {name} | {p50:.2f} | {p99:.2f} | {taken[-1]:.1f} | {memory:.1f} | {descriptors:.0f} |")
    first, second, last = rows
    failed |= last[4] > first[4] * 1.05 + 8
    failed |= last[3] > first[3] * 1.05
    failed |= HOSTILE and second[1] > 3 * first[1]
    sys.exit(1 if failed else 0)


main()
