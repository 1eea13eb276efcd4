"""The engine behind BentoML: `bentoml serve tests.benchmarks.peers.bentoml_app:CardioQuery`."""

import os

import bentoml

from tests.benchmarks.peers.answering import load_answering, sent_files


@bentoml.service(
    name="cardioquery",
    workers=int(os.environ.get("PEER_WORKERS", "1")),
    threads=1,
    traffic={"timeout": 60},
    logging={"access": {"enabled": False}},
)
class CardioQuery:
    """One recording and its queries a request."""

    def __init__(self) -> None:
        self.answering = load_answering()

    @bentoml.api(route="/diagnose")
    def diagnose(self, names: list[str], contents: list[str], queries: list[str]) -> str:
        answer = self.answering.answer(sent_files(names, contents), queries)
        return answer.decode()
