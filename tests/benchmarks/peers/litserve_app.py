"""The engine behind LitServe: `python -m tests.benchmarks.peers.litserve_app PORT WORKERS`."""

import sys
from typing import Any

import litserve
from starlette.responses import Response

from tests.benchmarks.peers.answering import Answering, load_answering, sent_files


class CardioQueryApi(litserve.LitAPI):
    """One recording and its queries a request."""

    answering: Answering

    def setup(self, device: str) -> None:
        self.answering = load_answering()

    def predict(self, asked: dict[str, Any]) -> bytes:
        files = sent_files(asked["names"], asked["contents"])
        return self.answering.answer(files, asked["queries"])

    def encode_response(self, answer: bytes) -> Response:
        # Past FastAPI's encoder, which would read the JSON and write it once more.
        return Response(answer, media_type="application/json")


def main() -> None:
    """Serve until told to stop."""
    port, workers = map(int, sys.argv[1:])
    server = litserve.LitServer(
        CardioQueryApi(max_batch_size=1, api_path="/diagnose"),
        accelerator="cpu",
        workers_per_device=workers,
        fast_queue=True,
        timeout=60,
    )
    server.run(
        host="127.0.0.1", port=port, log_level="warning", generate_client_file=False,
        access_log=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
