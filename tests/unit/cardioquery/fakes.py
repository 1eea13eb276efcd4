"""Canned answers of the service."""

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
from typer.testing import Result

from api_schemas import Condition, Diagnosis, ModelDescription, Problem
from api_schemas.conditions import CONDITION_EXAMPLE
from api_schemas.diagnosis import EXAMPLE as DIAGNOSIS_EXAMPLE
from api_schemas.model import EXAMPLE as MODEL_EXAMPLE

DIAGNOSIS = Diagnosis.model_validate(DIAGNOSIS_EXAMPLE)
CONDITION = Condition.model_validate(CONDITION_EXAMPLE)
MODEL = ModelDescription.model_validate(MODEL_EXAMPLE)
READY = {"status": "ready", "model_digest": "sha256:0"}
CSV = ("a.csv", b"I,II\n0,0\n")

Handler = Callable[[httpx.Request], httpx.Response]


class Recorder:
    """Answers with what it is given, in turn, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self._answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        # A copy: httpx uses up a response, and tests share theirs.
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)

    @property
    def body(self) -> str:
        return self.requests[-1].content.decode()


def problem(status: int, **headers: str) -> httpx.Response:
    body = Problem(type="urn:x", title="A title", status=status, request_id="R1")
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(status, text=body.model_dump_json(), headers=named)


def page(*conditions: Condition, next_cursor: str | None = None) -> httpx.Response:
    shown = [condition.model_dump(mode="json") for condition in conditions]
    return httpx.Response(200, json={"conditions": shown, "next_cursor": next_cursor})


def answer(model: Diagnosis | Condition | ModelDescription, status: int = 200) -> httpx.Response:
    return httpx.Response(status, text=model.model_dump_json())


class StubService:
    """A real HTTP server with canned answers, by method and path."""

    def __init__(self) -> None:
        self.answers: dict[str, httpx.Response] = {}
        self.bodies: list[bytes] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            def handle_one_request(self) -> None:
                self.raw_requestline = self.rfile.readline()
                if not self.raw_requestline or not self.parse_request():
                    self.close_connection = True
                    return
                length = int(self.headers.get("Content-Length", 0))
                service.bodies.append(self.rfile.read(length))
                self._give(service.answers[f"{self.command} {self.path.partition('?')[0]}"])

            def _give(self, response: httpx.Response) -> None:
                self.send_response(response.status_code)
                self.send_header("Content-Length", str(len(response.content)))
                self.end_headers()
                self.wfile.write(response.content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


Run = Callable[..., Result]
