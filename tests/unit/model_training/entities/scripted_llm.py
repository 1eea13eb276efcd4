"""An OpenAI-compatible server on a real socket that misbehaves by script."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from model_training.entities.llm.probing import PROBE

# What the server does with a request: the handler, the request's body, how often this report came.
Act = Callable[["Handler", dict[str, Any], int], None]


@dataclass
class ScriptedLlm:
    """The server's side of a test.

    Attributes:
        url: What a client takes for `base_url`.
        act: What is done with a request for a report.
        probe: What is done with one that finds out what the server can do.
        requests: All bodies that came for reports.
        probes: The others.
        headers: All headers that came.
        most_at_once: The most requests that were under way together.
    """

    url: str = ""
    act: Act = lambda handler, body, number: answer(handler, [])
    probe: Act = lambda handler, body, number: answer(handler, [])
    requests: list[dict[str, Any]] = field(default_factory=list)
    probes: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def reports(self) -> list[str]:
        """The reports that were asked for, in the order in which they came."""
        return [body["messages"][-1]["content"] for body in self.requests]


class Handler(BaseHTTPRequestHandler):
    """Keeps a record and does what the script says."""

    protocol_version = "HTTP/1.1"
    server: "Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        scripted = self.server.scripted
        report = body["messages"][-1]["content"]
        is_probe = report == PROBE
        with scripted.lock:
            (scripted.probes if is_probe else scripted.requests).append(body)
            scripted.headers.append(dict(self.headers))
            number = len(scripted.probes) if is_probe else scripted.reports().count(report)
            scripted.at_once += 1
            scripted.most_at_once = max(scripted.most_at_once, scripted.at_once)
        try:
            (scripted.probe if is_probe else scripted.act)(self, body, number)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        finally:
            with scripted.lock:
                scripted.at_once -= 1

    def send(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    scripted: ScriptedLlm

    def handle_error(self, request: object, client_address: object) -> None:
        pass  # a client that went away


def completion(content: str | None, finish_reason: str = "stop", **message: str) -> bytes:
    """The body of a chat completion of 100 and 20 tokens."""
    choice = {"index": 0, "finish_reason": finish_reason,
              "message": {"role": "assistant", "content": content, **message}}  # fmt: skip
    usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    return json.dumps({"object": "chat.completion", "choices": [choice], "usage": usage}).encode()


def answer(handler: Handler, findings: list[dict[str, str]]) -> None:
    """Answer as asked."""
    handler.send(200, completion(json.dumps({"findings": findings})))


def finding(name: str, evidence: str, assertion: str = "present") -> dict[str, str]:
    return {"finding": name, "assertion": assertion, "evidence": evidence}


@contextmanager
def scripted_llm() -> Iterator[ScriptedLlm]:
    """A running server; its script may be changed at any time."""
    server = Server(("127.0.0.1", 0), Handler)
    server.scripted = ScriptedLlm(url=f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.scripted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
