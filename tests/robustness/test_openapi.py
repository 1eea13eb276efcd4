"""Whatever the OpenAPI lets someone send, the answer is one that it describes.

schemathesis makes requests from the document, right ones and wrong ones, and follows links; a
running server answers them. `FUZZ_EXAMPLES` makes it longer (`make fuzz`).
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from service.app import create_app
from service.settings import Settings
from tests.support.recordings import make_csv, make_recording, make_wfdb, make_wfdb_zip, make_zip
from tests.support.server import Server, running

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
SHORT = make_recording(duration_s=3.0, sampling_rate_hz=100)
# schemathesis names an upload after its content: these are sent as `.zip`.
RECORDINGS = (
    make_wfdb_zip(make_wfdb(SHORT)).content,
    make_zip({"a.csv": make_csv(SHORT)[0].content}).content,
)
LIMITS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=6,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)

schemathesis.openapi.format("binary", st.sampled_from(RECORDINGS) | st.binary(max_size=200))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("openapi")
    with running(folder / "log", {"store_path": folder / "conditions.sqlite3"}) as made:
        yield made


DOCUMENT = create_app(Settings()).openapi()
API = schemathesis.openapi.from_dict(DOCUMENT)
# That all strings of the right form be accepted: a random text is no condition, nor a cursor.
API.config.checks.update(excluded_check_names=["positive_data_acceptance"])
OPERATIONS = {found.ok().label: found.ok() for found in API.get_all_operations()}


def refusal_says_why(
    _context: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case
) -> None:
    """What is refused although its form is right is told what is wrong with it."""
    if response.status_code in (415, 422):
        assert response.json()["errors"] or response.status_code == 415


def asks_in_no_words(case: schemathesis.Case) -> bool:
    """Whether a form has a query that is no string: as a form sends it, it is one all the same."""
    if case.media_type != "multipart/form-data" or not isinstance(case.body, dict):
        return False
    queries = case.body.get("queries", [])
    asked = queries if isinstance(queries, list) else [queries]
    return not all(isinstance(query, str) for query in asked)


@pytest.mark.parametrize("label", OPERATIONS)
def test_every_answer_is_one_that_is_described(label: str, server: Server) -> None:
    right, wrong = (
        OPERATIONS[label].as_strategy(generation_mode=mode)
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    )

    @LIMITS
    @given(right | wrong)
    def check(case: schemathesis.Case) -> None:
        case.call_and_validate(
            base_url=server.url,
            additional_checks=[refusal_says_why],
            excluded_checks=[negative_data_rejection] if asks_in_no_words(case) else [],
            timeout=60,
        )

    check()


def forget_conditions(server: Server) -> None:
    """The same sequence has to be answered the same way, whatever came before it."""
    with server.client() as client:
        for condition in client.get("/queries", params={"limit": 1000}).json()["conditions"]:
            if not condition["built_in"]:
                assert client.delete(f"/queries/{condition['id']}").status_code == 204


def test_sequences_of_requests(server: Server) -> None:
    class Machine(API.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            forget_conditions(server)

        def get_call_kwargs(self, _case: schemathesis.Case) -> dict[str, object]:
            return {"base_url": server.url, "timeout": 60}

    Machine.run(settings=LIMITS)


def test_links_lead_from_a_new_condition_to_its_own_place() -> None:
    responses = DOCUMENT["paths"]["/queries"]["post"]["responses"]
    for status in ("200", "201"):
        assert set(responses[status]["links"]) == {"get", "remove"}


def test_no_reference_leads_nowhere() -> None:
    def references(part: object) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(reference := part.get("$ref"), str):
                yield reference
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    for reference in set(references(DOCUMENT)):
        found: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        assert found is not None
