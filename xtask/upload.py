#!/usr/bin/env python3
"""What an upload costs beside the server alone and beside a loop of curl.

    cargo build --release -p recipients-cli && python3 xtask/upload.py [ROWS] [ROUNDS]

In each round, in turn and each with a server of its own: `recipients upload` of a list of ROWS
numbers; the same requests replayed from memory over one connection, which is what the server takes;
and a loop of `curl`, one process for each of the same bodies. Prints medians, ratios, and the upload's
peak memory, for ROWS and for a tenth of them.
"""

import json
import os
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 5
BINARY = pathlib.Path(__file__).resolve().parent.parent / "target/release/recipients"
BATCH = 500


def numbers(rows):
    prefixes = ["38050", "38067", "38097"]
    places = random.Random(1).sample(range(3 * 10_000_000), rows)
    return [prefixes[p % 3] + f"{p // 3:07d}" for p in places]


def call(address, key, method, fields):
    body = urllib.parse.urlencode({"apiKey": key, **fields}).encode()
    with urllib.request.urlopen(f"http://{address}/service/{method}", body) as answer:
        envelope = json.load(answer)
    assert envelope["code"] == 0, envelope
    return envelope["data"]


def bodies(rows, key, campaign):
    for start in range(0, len(rows), BATCH):
        fields = [f"apiKey={key}", f"id={campaign}", "params%5Breplace%5D=0", "params%5BplaceholdersFlag%5D=1"]
        fields += [f"recipients%5B{i}%5D={n}" for i, n in enumerate(rows[start : start + BATCH])]
        yield "&".join(fields).encode()


def replay(address, key, rows):
    campaign = call(address, key, "campaign/create", {"data[text]": "Hello"})
    host, port = address.split(":")
    requests = []
    for body in bodies(rows, key, campaign):
        head = (
            "POST /service/campaign/addrecipients?output=json&api=v1 HTTP/1.1\r\n"
            f"Host: {address}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        requests.append(head.encode() + body)
    connection = socket.create_connection((host, int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reader = connection.makefile("rb", 1 << 18)
    began = time.monotonic()
    for request in requests:
        connection.sendall(request)
        length = 0
        while (line := reader.readline()) != b"\r\n":
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        answer = reader.read(length)
        assert answer.startswith(b'{"code":0'), answer[:200]
    return time.monotonic() - began


def curl(address, key, rows, folder):
    campaign = call(address, key, "campaign/create", {"data[text]": "Hello"})
    count = 0
    for count, body in enumerate(bodies(rows, key, campaign), 1):
        (folder / f"body{count}").write_bytes(body)
    loop = (
        f"for i in $(seq {count}); do curl -s -o /dev/null --data-binary @{folder}/body$i "
        f"'http://{address}/service/campaign/addrecipients?output=json&api=v1'; done"
    )
    began = time.monotonic()
    subprocess.run(["bash", "-c", loop], check=True)
    taken = time.monotonic() - began
    for i in range(1, count + 1):
        (folder / f"body{i}").unlink()
    return taken


def upload(address, key, path):
    journal = path.with_suffix(".journal")
    began = time.monotonic()
    process = subprocess.Popen(
        [BINARY, "upload", path, "--create", "--text", "Hello", "--server", f"http://{address}", "--journal", journal],
        env={**os.environ, "RECIPIENTS_API_KEY": key},
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    taken = time.monotonic() - began
    assert os.waitstatus_to_exitcode(status) == 0
    journal.unlink()
    return taken, usage.ru_maxrss / 1024


class Server:
    """A server with a database of its own: what is there already would slow the next one down."""

    def __init__(self, folder):
        for end in ("", "-wal", "-shm"):
            (folder / f"test.db{end}").unlink(missing_ok=True)
        database = folder / "test.db"
        add = [BINARY, "account", "add", "load", "--db", database]
        self.key = subprocess.run(add, capture_output=True, text=True, check=True).stdout.strip()
        serve = [BINARY, "serve", "--db", database, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().split("http://")[1].split("/")[0]

    def __enter__(self):
        return self.address, self.key

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        print("| rows | upload | server alone | loop of curl | upload against curl | share of the server's rate | peak memory |")
        print("|---|---|---|---|---|---|---|")
        for rows in (ROWS // 10, ROWS):
            listed = numbers(rows)
            path = folder / "list.txt"
            path.write_text("\n".join(listed) + "\n")
            ours, alone, loops, peak = [], [], [], 0
            for _ in range(ROUNDS):
                with Server(folder) as (address, key):
                    taken, memory = upload(address, key, path)
                ours.append(taken)
                peak = max(peak, memory)
                with Server(folder) as (address, key):
                    alone.append(replay(address, key, listed))
                with Server(folder) as (address, key):
                    loops.append(curl(address, key, listed, folder))
            ours, alone, loops = map(statistics.median, (ours, alone, loops))
            print(
                f"| {rows:,} | {ours:.2f} s | {alone:.2f} s | {loops:.2f} s | {loops / ours:.1f}x | "
                f"{alone / ours:.2f} | {peak:.0f} MiB |",
                flush=True,
            )


main()
