"""What an endpoint can do is found out once, and a fault that all reports share is told once."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_training.entities.llm import EndpointRefuses, FailureKind, Report
from model_training.entities.llm.config import MODES
from model_training.entities.llm.endpoint import _words
from tests.unit.model_training.entities.scripted_llm import (
    Act,
    Handler,
    ScriptedLlm,
    answer,
    completion,
)
from tests.unit.model_training.entities.test_llm_reader import (  # noqa: F401
    KEY,
    SINUS,
    cache,
    llm,
    make_reader,
    read,
)

LONGEST_MESSAGE = 2000
REPORTS = [f"Frau Geheim, sinusrhythmus {n}" for n in range(20)]


def mode_of(body: dict[str, Any]) -> str:
    asked = body.get("response_format")
    if asked is None:
        return "prompt_only"
    return "json_object_schema" if "schema" in asked else str(asked["type"])


def fault(status: int, words: str) -> Act:
    content = json.dumps({"error": {"message": words, "type": "t"}}).encode()
    return lambda handler, body, number: handler.send(status, content)


def echo(status: int) -> Act:
    """Says back all that it was sent, as llama-cpp-python does with a request that is not valid."""

    def act(handler: Handler, body: dict[str, Any], number: int) -> None:
        said = {"detail": f"{handler.headers['Authorization']} {body['messages'][-1]} {body}" * 9}
        handler.send(status, json.dumps(said).encode())

    return act


def only(modes: tuple[str, ...], status: int, found: list[dict[str, str]]) -> Act:
    """Answers in these modes; others are none that it knows."""
    refuse = fault(status, "Input should be 'text' or 'json_object'")

    def act(handler: Handler, body: dict[str, Any], number: int) -> None:
        if mode_of(body) in modes:
            answer(handler, found)
        else:
            refuse(handler, body, number)

    return act


@pytest.mark.parametrize("status", [400, 422, 500, 501])
@pytest.mark.parametrize("first", range(len(MODES)))
def test_the_first_mode_that_works_is_found_once_and_kept(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
    first: int,
    status: int,
) -> None:
    llm.act, llm.probe = only(MODES[first:], status, SINUS), only(MODES[first:], status, [])
    with make_reader(llm, cache, concurrency=4) as reader:
        for texts in (REPORTS[:10], REPORTS[10:]):
            readings = reader.read([Report(text, text) for text in texts])
            assert all(reading.entities for reading in readings)
    assert list(dict.fromkeys(map(mode_of, llm.probes))) == list(MODES[: first + 1])
    assert {mode_of(body) for body in llm.requests} == {MODES[first]} == {reader.counts.mode}
    assert len(llm.requests) == len(REPORTS)
    assert reader.counts.requests == len(llm.requests) + len(llm.probes)


def test_a_mode_that_is_not_heeded_gives_way_to_one_that_is(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
) -> None:
    llm.probe = lambda handler, body, number: (
        answer(handler, [])
        if mode_of(body) == "json_object"
        else handler.send(200, completion("The ECG shows sinus rhythm."))
    )
    read(llm, cache, "sinusrhythmus")
    assert [mode_of(body) for body in llm.requests] == ["json_object"]


def test_a_model_that_answers_nothing_as_asked_is_asked_all_the_same(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
) -> None:
    llm.probe = lambda handler, body, number: handler.send(200, completion("{", "length"))
    assert read(llm, cache, "sinusrhythmus")[0].entities
    assert [mode_of(body) for body in llm.requests] == ["json_schema"]


def test_a_passing_trouble_does_not_change_the_mode(llm: ScriptedLlm, cache: Path) -> None:  # noqa: F811
    for status in (503, 429, 408):
        begins = fault(status, "later")

        def act(handler: Handler, body: dict[str, Any], number: int, begins: Act = begins) -> None:
            begins(handler, body, number) if number % 2 else answer(handler, [])

        llm.probe = act
        read(llm, cache, f"sinusrhythmus {status}")
    assert {mode_of(body) for body in llm.probes + llm.requests} == {"json_schema"}


@pytest.mark.parametrize("status", [400, 401, 404, 413, 500])
def test_a_fault_that_all_share_stops_before_any_report_is_sent(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
    status: int,
) -> None:
    llm.probe = fault(status, "maximum context length is 512 tokens")
    with pytest.raises(EndpointRefuses, match=f"{status}: maximum context length is 512 tokens"):
        read(llm, cache, *REPORTS)
    assert llm.requests == []


def test_a_named_mode_is_the_only_one_tried(llm: ScriptedLlm, cache: Path) -> None:  # noqa: F811
    llm.probe = only(("prompt_only",), 500, [])
    with pytest.raises(EndpointRefuses, match=r"json_schema: .*status 500: Input should be 'text'"):
        read(llm, cache, *REPORTS, structured_output="json_schema")
    assert {mode_of(body) for body in llm.probes} == {"json_schema"}


def test_an_endpoint_that_is_down_is_not_asked_in_every_mode(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
) -> None:
    llm.probe = fault(429, "come back later")
    with pytest.raises(EndpointRefuses, match="come back later"):
        read(llm, cache, "sinusrhythmus", max_attempts=2)
    assert [mode_of(body) for body in llm.probes] == ["json_schema"] * 2


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("begins", [True, False])
def test_words_are_bounded_and_hold_no_report_and_no_key(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    begins: bool,
) -> None:
    monkeypatch.setenv("ECG_TEST_KEY", KEY)
    llm.act = echo(status)
    llm.probe = lambda handler, body, number: (
        echo(status)(handler, body, number) if begins or llm.requests else answer(handler, [])
    )
    with pytest.raises(EndpointRefuses, match=r"Sinus rhythm\. Left bundle") as caught:
        read(llm, cache, *REPORTS, api_key_env="ECG_TEST_KEY", max_attempts=1,
             max_failures_in_a_row=3, concurrency=1)  # fmt: skip
    told = str(caught.value)
    assert "Geheim" not in told
    assert KEY not in told
    assert len(told) < LONGEST_MESSAGE
    assert len(llm.requests) <= (0 if begins else 4)  # one may be under way


def test_a_fault_of_reports_alone_says_that_others_are_answered(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
) -> None:
    llm.act = fault(400, "too long")
    with pytest.raises(EndpointRefuses, match=r"3 reports in a row.*made-up report is answered"):
        read(llm, cache, *REPORTS, max_failures_in_a_row=3, concurrency=1)


def test_failures_tell_no_words_of_the_endpoint(llm: ScriptedLlm, cache: Path) -> None:  # noqa: F811
    llm.act = echo(400)
    (reading,) = read(llm, cache, REPORTS[0])
    assert reading.failure is not None
    assert (reading.failure.kind, reading.failure.detail) == (FailureKind.REJECTED, "status 400")


def test_what_is_on_the_disk_needs_no_endpoint_and_no_key(
    llm: ScriptedLlm,  # noqa: F811
    cache: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read(llm, cache, "sinusrhythmus")
    monkeypatch.delenv("ECG_TEST_KEY", raising=False)
    asked = len(llm.probes)
    assert read(llm, cache, "sinusrhythmus", api_key_env="ECG_TEST_KEY")[0].entities
    assert len(llm.probes) == asked
    with pytest.raises(ValueError, match="ECG_TEST_KEY holds no key"):
        read(llm, cache, "another", api_key_env="ECG_TEST_KEY")


WRAPPED: list[Callable[[str], object]] = [
    lambda words: {"error": {"message": words}},
    lambda words: {"error": words},
    lambda words: {"detail": [words, {"msg": words}]},
    lambda words: {"message": words},
    lambda words: [words],
    lambda words: words,
]


@given(words=st.text(max_size=400), wrap=st.sampled_from(WRAPPED), is_json=st.booleans())
def test_words_are_one_line_bounded_and_without_the_key(
    words: str, wrap: Callable[[str], object], is_json: bool
) -> None:
    said = f"{words} {KEY} {words}"
    body = json.dumps(wrap(said)) if is_json else str(wrap(said))
    told = _words(body.encode("utf-8", "replace"), KEY)
    assert told.isprintable()
    assert len(told) <= 301
    assert KEY not in told
