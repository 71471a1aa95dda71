#!/usr/bin/env python3
"""Mixed load on the server for some minutes: what it does to memory, descriptors and latency.

    cargo build --release -p recipients-cli && python3 xtask/soak.py [MINUTES] [--hostile]

Four clients make campaigns, add recipients (numbers, templates, tracked links, contacts, groups, files),
look, list, send, follow links and delete, one behind the other without a pause. From a process of their
own two more ask for `GetInfo` ten times a second, one over a connection that stays open and one over a
new connection each time: their times are the latencies. With --hostile a third adds 500 recipients in a body
of 100 KB, twice a second, which needs the room and the writer that attackers compete for. After a warm-up of a fifth of the minutes, but
five minutes at most, which comes before them and is not counted, the minutes are looked at in thirds; every
ten seconds, or 30 times in all, the server's memory and descriptors are written down.

With --hostile the middle third is spent under attack, from the same address as the clients: 2,000
connections that say nothing and are opened again as soon as they are closed, 200 that say a byte a second
(half of them of a head, half of a body), floods of connections that come and go for two seconds out of
four, bodies of 15 MB, and for half a minute of each 60 more of those that come quickly but for their last
megabyte, which comes as slowly as may be. The limit on descriptors is raised for the attackers only: the server has the
one of the shell.

Prints percentiles of both latencies in each third, medians of memory and descriptors, counts of calls and
errors, and of what the attackers did. Exit code 1 if a call failed, the last third holds more than 5 % more
memory or descriptors than the first, or p99 of a latency under attack is more than three times the
quiet one; the reasons go to standard error. RECIPIENTS is the binary, if not that of target/release.
"""

import http.client
import itertools
import json
import multiprocessing
import os
import pathlib
import random
import resource
import select
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("RECIPIENTS", ROOT / "target/release/recipients")
HOSTILE = "--hostile" in sys.argv
NUMBERS = [float(arg) for arg in sys.argv[1:] if not arg.startswith("-")]
SECONDS = (NUMBERS[0] if NUMBERS else 5) * 60
WARM_UP = min(SECONDS / 5, 300)
SILENT = 2000
SLOW = 200
LARGE = 60
# Connections of a flood in a tenth of a second.
FLOOD = 100


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


def probe(address, key, campaign, over, told):
    """The clients whose time is taken, in a process of their own: those that load wait for each other."""
    clients = [Client(address, key) for _ in range(3 if HOSTILE else 2)]
    times = [[] for _ in clients]

    def timed(client, times, call):
        began = time.monotonic()
        data = client.call(*call)
        times.append((began, time.monotonic() - began))
        return data

    def look(client, times, stays):
        while not over.is_set():
            timed(client, times, ("campaign/getinfo", [("id", campaign)]))
            if not stays:
                client.http.close()
            time.sleep(0.1)

    def add(client, times):
        numbers = itertools.count(380_980_000_000)
        for turn in itertools.count():
            if over.is_set():
                return
            if turn % 20 == 0:
                fields = [("data[text]", "Dear {name}"), ("data[type]", 3)]
                into = client.call("campaign/create", fields)
            fields = [("id", into)]
            for at in range(500):
                fields += [(f"recipients[{at}][recipient]", next(numbers)), (f"recipients[{at}][name]", "x" * 130)]
            timed(client, times, ("campaign/addrecipients", fields))
            time.sleep(0.5)

    kinds = [(look, True), (look, False), (add,)]
    each = zip(clients, times, kinds)
    threads = [threading.Thread(target=kind[0], args=(client, taken, *kind[1:])) for client, taken, kind in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.send((times, sum(client.calls for client in clients), [e for client in clients for e in client.errors]))


def attack(address, begin, opened):
    """Silent, slow, short-lived and huge; until the process is killed, which closes all at once."""
    begin.wait()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    host, port = address.split(":")
    peer = (host, int(port))

    def connect():
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(peer)
        return one

    def silent():
        watch = select.epoll()
        held = {}
        while True:
            while len(held) < SILENT:
                one = connect()
                held[one.fileno()] = one
                watch.register(one, select.EPOLLRDHUP)
                opened[0] += 1
            # Errors and ends are told of unasked.
            for number, _ in watch.poll():
                held.pop(number).close()

    def slow():
        begun = f"POST /service/campaign/create?apiKey=none HTTP/1.1\r\nHost: {address}\r\n"
        head = begun + "X-Slow: " + "x" * 4000
        body = begun + "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100000\r\n\r\n"
        groups = [[(None, 0)] * (SLOW // 20) for _ in range(20)]
        due = time.monotonic()
        # Each group has its turn once a second.
        for turn in itertools.count():
            group = groups[turn % 20]
            for at, (one, said) in enumerate(group):
                if one is None:
                    one, said = connect(), 0
                    opened[1] += 1
                try:
                    if at % 2 and said == 0:
                        one.send(body.encode())
                    else:
                        one.send(head[said % len(head)].encode() if at % 2 == 0 else b"x")
                    group[at] = (one, said + 1)
                except BlockingIOError:
                    # The server has not come to it yet.
                    group[at] = (one, said)
                except OSError:
                    one.close()
                    group[at] = (None, 0)
            due += 0.05
            time.sleep(max(0, due - time.monotonic()))

    def flood():
        while True:
            if time.monotonic() % 4 < 2:
                held = [connect() for _ in range(FLOOD)]
                opened[2] += FLOOD
                for one in held:
                    # Without it the machine would run out of ports, which the clients need.
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    one.close()
            time.sleep(0.1)

    def huge():
        while True:
            connection = http.client.HTTPConnection(address, timeout=30)
            try:
                opened[3] += 1
                connection.request("POST", "/service/campaign/create?apiKey=none", b"a=" + b"x" * (15 << 20))
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                pass
            connection.close()
            time.sleep(0.2)

    def large():
        length = 15 << 20
        head = f"POST /service/campaign/create HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n"
        quick = memoryview(head.encode() + b"a=" + b"x" * (length - (1 << 20)))
        held = [None] * LARGE
        while True:
            if time.monotonic() % 60 >= 30:
                # The room is for the others meanwhile.
                for one in filter(None, held):
                    one[0].close()
                held = [None] * LARGE
                time.sleep(0.5)
                continue
            for at, one in enumerate(held):
                if one is None:
                    held[at] = [connect(), quick]
                    opened[4] += 1
                    continue
                try:
                    while one[1]:
                        one[1] = one[1][one[0].send(one[1]) :]
                    # What must come in half a second.
                    one[0].send(b"x" * 2500)
                except BlockingIOError:
                    pass
                except OSError:
                    one[0].close()
                    held[at] = None
            time.sleep(0.5)

    for one in (silent, slow, flood, huge, large):
        threading.Thread(target=one).start()


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
    # Processes are made before there are threads.
    fork = multiprocessing.get_context("fork")
    over, begin = fork.Event(), fork.Event()
    opened = fork.Array("Q", 5, lock=False)
    clients = [Client(address, key) for key in keys]
    campaign = clients[4].call("campaign/create", [("data[text]", "Hello")])
    clients[4].http.close()
    told, tell = fork.Pipe(False)
    prober = fork.Process(target=probe, args=(address, keys[4], campaign, over, tell), daemon=True)
    attacker = fork.Process(target=attack, args=(address, begin, opened), daemon=True)
    prober.start()
    # Nobody else holds this end, so that the prober's death would be told of.
    tell.close()
    attacker.start()
    threads = [threading.Thread(target=work, args=(clients[n], n, over), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    began = time.monotonic() + WARM_UP
    seen, look = [], began
    while (passed := time.monotonic() - began) < SECONDS:
        if HOSTILE and passed >= SECONDS / 3:
            begin.set()
        if passed >= 2 * SECONDS / 3:
            attacker.kill()
        if time.monotonic() >= look:
            look += min(10, SECONDS / 30)
            seen.append((passed, *vitals(process)))
        time.sleep(0.05)
    over.set()
    times, calls, errors = told.recv()
    for thread in threads:
        thread.join()
    calls += sum(client.calls for client in clients)
    errors += [error for client in clients for error in client.errors]
    size = sum(path.stat().st_size for path in db.parent.glob("soak.db*") if path.is_file()) / 2**20
    print(f"{SECONDS / 60:g} minutes, {calls:,} calls, {len(errors)} errors, database {size:,.0f} MB")
    if HOSTILE:
        print("attack: {:,} silent, {:,} slow and {:,} short connections, {:,} bodies, {:,} slow ones".format(*opened))
    print()
    for error in errors[:10]:
        print("  ", error)
    names = ["kept", "new", "500 added"][: len(times)]
    print("| third |" + "".join(f" {name}: p50 ms | p99 ms | max ms |" for name in names) + " memory MB | descriptors |")
    print("|---|" + "---:|" * (3 * len(names) + 2))
    rows = []
    for third in range(3):
        first, last = third * SECONDS / 3, (third + 1) * SECONDS / 3
        figures = []
        for taken in times:
            taken = sorted(1000 * took for at, took in taken if first <= at - began < last)
            figures += [taken[len(taken) // 2], taken[len(taken) * 99 // 100], taken[-1]]
        part = [one for one in seen if first <= one[0] < last]
        memory, descriptors = (statistics.median(one[at] for one in part) for at in (1, 2))
        rows.append((figures[1::3], memory, descriptors))
        name = ["first", "second", "last"][third] + (" (attacked)" if HOSTILE and third == 1 else "")
        cells = " | ".join(f"{figure:.{1 if at % 3 == 2 else 2}f}" for at, figure in enumerate(figures))
        print(f"| {name} | {cells} | {memory:.1f} | {descriptors:.0f} |")
    first, second, last = rows
    wrong = []
    if errors:
        wrong.append("calls failed")
    for name, at in (("memory", 1), ("descriptors", 2)):
        if last[at] > first[at] * 1.05:
            wrong.append(f"{name} grew by {100 * last[at] / first[at] - 100:.1f} %")
    for name, quiet, attacked in zip(names, first[0], second[0]):
        if HOSTILE and attacked > 3 * quiet:
            wrong.append(f"p99 ({name}) under attack is {attacked / quiet:.1f} times the quiet one")
    for why in wrong:
        print(f"soak: {why}", file=sys.stderr)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
