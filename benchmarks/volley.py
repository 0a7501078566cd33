"""Many client processes that fire at one moment.

Threads of one process would take turns at the interpreter and arrive in a row; the faults we look for
(a deadlock, a double booking) show only when requests truly arrive together.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

# The client: connects, says so, waits for the starting gun (end of file on descriptor 3), fires once.
_CLIENT = """
import http.client, json, os, sys, time
shot = json.loads(sys.stdin.readline())
connection = http.client.HTTPConnection(shot["host"], shot["port"], timeout=60)
connection.connect()
print("ready", flush=True)
os.read(shot["gun"], 1)
begin = time.perf_counter()
try:
    connection.request(shot["method"], shot["path"], shot["body"].encode(), shot["headers"])
    answer = connection.getresponse()
    body = answer.read().decode("utf-8", "replace")
    result = {"status": answer.status, "body": body}
except OSError as error:
    result = {"status": 0, "body": repr(error)}
result["seconds"] = time.perf_counter() - begin
print(json.dumps(result), flush=True)
sys.stdin.read()  # ending an interpreter costs more than the request: not while others still wait
"""


@dataclass(frozen=True, slots=True)
class Shot:
    """One request of one client."""

    path: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Hit:
    """The answer a client got. Status 0: none came."""

    status: int
    body: str
    seconds: float

    @property
    def data(self) -> Any:
        return json.loads(self.body)


def fire(base_url: str, shots: Sequence[Shot]) -> list[Hit]:
    """Fire every shot from a process of its own, all at once. Answers come in the order of `shots`.

    Args:
        base_url: of a server on this machine.
        shots: one per client process; every client is connected before the first one fires.
    """
    url = urlsplit(base_url)
    gun, trigger = os.pipe()
    clients = []
    try:
        for shot in shots:
            client = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _CLIENT],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                pass_fds=[gun],
            )
            clients.append(client)
            assert client.stdin is not None
            order = {
                "host": url.hostname,
                "port": url.port,
                "gun": gun,
                "method": shot.method,
                "path": shot.path,
                "body": json.dumps(shot.body),
                "headers": {"Content-Type": "application/json", **shot.headers},
            }
            client.stdin.write(json.dumps(order) + "\n")
            client.stdin.flush()
        for client in clients:
            assert client.stdout is not None
            if client.stdout.readline().strip() != "ready":
                raise RuntimeError(f"A client could not connect to {base_url}.")
        os.close(trigger)
        trigger = -1
        return [_answer(client) for client in clients]
    finally:
        for descriptor in (gun, trigger):
            if descriptor >= 0:
                os.close(descriptor)
        for client in clients:
            client.kill()
            client.communicate()


def _answer(client: subprocess.Popen[str]) -> Hit:
    assert client.stdout is not None
    return Hit(**json.loads(client.stdout.readline()))
