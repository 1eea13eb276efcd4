"""The language model's reader against a real socket whose server misbehaves by script."""

import json
import logging
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecg_core.conditions import Catalogue
from model_training.entities import Status
from model_training.entities.llm import (
    EndpointRefuses,
    FailureKind,
    LlmConfig,
    LlmReader,
    LlmReading,
    Report,
)
from model_training.entities.rules.extractor import shipped_extractor
from tests.unit.model_training.entities.scripted_llm import (
    Handler,
    ScriptedLlm,
    answer,
    completion,
    finding,
    scripted_llm,
)

SINUS = [finding("sinus rhythm", "sinusrhythmus")]
KEY = "sk-very-secret-123"
LATER_S = 0.05


@pytest.fixture
def llm() -> Iterator[ScriptedLlm]:
    with scripted_llm() as running:
        running.act = lambda handler, body, number: answer(handler, SINUS)
        yield running


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "answers.sqlite3"


def make_reader(llm: ScriptedLlm, cache: Path, **settings: Any) -> LlmReader:
    quick = {"model": "tiny", "timeout_s": 5, "backoff_s": 0.01, "max_backoff_s": 0.5}
    config = LlmConfig(**({"base_url": llm.url} | quick | settings))
    return LlmReader(config, cache, Catalogue.load(), shipped_extractor())


def read(llm: ScriptedLlm, cache: Path, *texts: str | None, **settings: Any) -> list[LlmReading]:
    with make_reader(llm, cache, **settings) as reader:
        return reader.read([Report(str(n), text) for n, text in enumerate(texts)])


def script(llm: ScriptedLlm, *acts: object) -> None:
    """Each report's first request meets the first act, and so on; the last one stays."""

    def act(handler: Handler, body: dict[str, Any], number: int) -> None:
        chosen = acts[min(number, len(acts)) - 1]
        if callable(chosen):
            chosen(handler)
        else:
            handler.send(200, completion(str(chosen)))

    llm.act = act


def good(handler: Handler) -> None:
    answer(handler, SINUS)


def status(code: int, **headers: str) -> object:
    return lambda handler: handler.send(code, b'{"error": {"message": "no"}}', **headers)


def drop(handler: Handler) -> None:
    handler.close_connection = True
    handler.connection.close()


def half_a_body(handler: Handler) -> None:
    whole = completion(json.dumps({"findings": SINUS}))
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(whole)))
    handler.end_headers()
    handler.wfile.write(whole[: len(whole) // 2])
    handler.close_connection = True


def hang(handler: Handler) -> None:
    time.sleep(1)


def trickle(handler: Handler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    for _ in range(30):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(LATER_S)


def endless(handler: Handler) -> None:
    handler.send_response(200)
    handler.end_headers()
    for _ in range(64):
        handler.wfile.write(b" " * 1_000_000)


def test_findings_become_entities_with_places_and_standard_terms(
    llm: ScriptedLlm, cache: Path
) -> None:
    found = [
        finding("LBBB", "Linksschenkelblock", "absent"),
        finding("possible old inferior infarction", "inferiorer  infarkt", "uncertain"),
        finding("lunar eclipse", "rhythmus"),
    ]
    llm.act = lambda handler, body, number: answer(handler, found)
    report = "Rhythmus unklar, kein LINKSSCHENKELBLOCK, Inferiorer Infarkt möglich"
    (reading,) = read(llm, cache, report)
    assert [(e.condition_id, e.status, report[e.start : e.end]) for e in reading.entities] == [
        ("complete-left-bundle-branch-block", Status.ABSENT, "LINKSSCHENKELBLOCK"),
        ("inferior-myocardial-infarction", Status.UNCERTAIN, "Inferiorer Infarkt"),
    ]
    assert [e.source for e in reading.entities] == ["llm:catalogue", "llm:rules"]
    assert reading.unmapped == ("lunar eclipse",)


def test_a_finding_whose_evidence_is_not_in_the_report_is_dropped_and_counted(
    llm: ScriptedLlm, cache: Path
) -> None:
    made_up = [finding("atrial fibrillation", "Vorhofflimmern"), finding("sinus rhythm", "...")]
    llm.act = lambda handler, body, number: answer(handler, [*made_up, *SINUS])
    with make_reader(llm, cache) as reader:
        (reading,) = reader.read([Report("1", "sinusrhythmus")])
    assert [e.condition_id for e in reading.entities] == ["sinus-rhythm"]
    assert reader.counts.ungrounded == 2


def test_the_request_holds_schema_examples_and_the_report_last(
    llm: ScriptedLlm, cache: Path
) -> None:
    read(llm, cache, "sinusrhythmus", extra={"seed": 7})
    (body,) = llm.requests
    schema = body["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert schema["schema"]["additionalProperties"] is False
    assert body["messages"][0]["role"] == "system"
    assert body["messages"][-1] == {"role": "user", "content": "sinusrhythmus"}
    assert len(body["messages"]) > 4
    assert (body["model"], body["temperature"], body["seed"]) == ("tiny", 0.0, 7)


@pytest.mark.parametrize(
    ("mode", "expected"), [("json_object", {"type": "json_object"}), ("prompt_only", None)]
)
def test_endpoints_without_schemas_are_asked_otherwise(
    llm: ScriptedLlm, cache: Path, mode: str, expected: object
) -> None:
    script(llm, "```json\n" + json.dumps({"findings": SINUS}) + "\n```")
    (reading,) = read(llm, cache, "sinusrhythmus", structured_output=mode)
    assert reading.entities
    assert llm.requests[0].get("response_format") == expected


@pytest.mark.parametrize(
    "trouble",
    [status(429), status(429, Retry_After="0"), status(500), status(503), drop, half_a_body,
     hang, trickle, endless, status(408)],
    ids=["429", "429-retry-after", "500", "503", "drop", "half", "hang", "trickle", "endless",
         "408"],
)  # fmt: skip
def test_a_passing_trouble_is_tried_again(llm: ScriptedLlm, cache: Path, trouble: object) -> None:
    script(llm, trouble, good)
    (reading,) = read(llm, cache, "sinusrhythmus", timeout_s=0.4)
    assert [e.condition_id for e in reading.entities] == ["sinus-rhythm"]
    assert len(llm.requests) == 2


@pytest.mark.parametrize(
    ("trouble", "kind", "requests"),
    [
        (status(429), FailureKind.RATE_LIMITED, 3),
        (status(500), FailureKind.SERVER_ERROR, 3),
        (status(400), FailureKind.REJECTED, 1),
        (status(413), FailureKind.REJECTED, 1),
        (drop, FailureKind.CONNECTION, 3),
        (half_a_body, FailureKind.CONNECTION, 3),
        (trickle, FailureKind.TIMEOUT, 3),
        (endless, FailureKind.SERVER_ERROR, 3),
        ("Sorry, I cannot", FailureKind.NOT_JSON, 2),
        ('{"findings": [', FailureKind.NOT_JSON, 2),
        ("[" * 100_000, FailureKind.NOT_JSON, 2),
        ("", FailureKind.NOT_JSON, 2),
        ("{}", FailureKind.WRONG_SCHEMA, 2),
        ("[]", FailureKind.WRONG_SCHEMA, 2),
        ('{"findings": [{"finding": "x"}]}', FailureKind.WRONG_SCHEMA, 2),
        (json.dumps({"findings": [finding("x", "y", "maybe")]}), FailureKind.WRONG_SCHEMA, 2),
        (json.dumps({"findings": SINUS, "more": 1}), FailureKind.WRONG_SCHEMA, 2),
        (json.dumps({"findings": SINUS * 100}), FailureKind.WRONG_SCHEMA, 2),
        (lambda h: h.send(200, completion('{"fin', "length")), FailureKind.TRUNCATED, 2),
        (lambda h: h.send(200, completion(None, refusal="no")), FailureKind.REFUSED_BY_MODEL, 1),
        (lambda h: h.send(200, b"<html>"), FailureKind.SERVER_ERROR, 3),
        (lambda h: h.send(200, b'{"choices": []}'), FailureKind.SERVER_ERROR, 3),
    ],
)
def test_a_lasting_trouble_fails_its_report_and_no_other(
    llm: ScriptedLlm, cache: Path, trouble: object, kind: FailureKind, requests: int
) -> None:
    script(llm, trouble)
    troubled = llm.act
    llm.act = lambda handler, body, number: (
        troubled(handler, body, number)
        if body["messages"][-1]["content"] == "ein Rätsel"
        else answer(handler, SINUS)
    )
    with make_reader(llm, cache, max_attempts=3, timeout_s=0.6) as reader:
        bad, fine = reader.read([Report("bad", "ein Rätsel"), Report("fine", "sinusrhythmus")])
    assert bad.failure is not None
    assert (bad.failure.kind, bad.failure.report_id) == (kind, "bad")
    assert bad.failure.attempts == requests == len(llm.requests) - 1
    assert reader.failures == [bad.failure]
    assert fine.entities
    assert "Rätsel" not in bad.failure.detail


def test_retry_after_is_waited_for(llm: ScriptedLlm, cache: Path) -> None:
    script(llm, status(429, Retry_After="0.3"), good)
    started = time.monotonic()
    read(llm, cache, "sinusrhythmus", backoff_s=0.001)
    assert time.monotonic() - started >= 0.3


def test_a_date_in_retry_after_is_read(llm: ScriptedLlm, cache: Path) -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    script(llm, status(503, Retry_After=past), status(503, Retry_After="soon"), good)
    assert read(llm, cache, "sinusrhythmus")[0].entities


def test_an_endpoint_that_asks_for_too_long_a_wait_fails_the_report(
    llm: ScriptedLlm, cache: Path
) -> None:
    script(llm, status(429, Retry_After="3600"))
    (reading,) = read(llm, cache, "sinusrhythmus")
    assert reading.failure is not None
    assert len(llm.requests) == 1


@pytest.mark.parametrize("code", [401, 403, 404, 302])
def test_a_refusal_that_concerns_all_stops_the_run(
    llm: ScriptedLlm, cache: Path, code: int
) -> None:
    script(llm, status(code, Location="http://127.0.0.1:1/elsewhere"))
    with pytest.raises(EndpointRefuses, match=str(code)):
        read(llm, cache, *(f"report {n}" for n in range(20)), concurrency=2)
    assert len(llm.requests) <= 3


def test_an_endpoint_that_is_down_stops_the_run(llm: ScriptedLlm, cache: Path) -> None:
    script(llm, status(500))
    with pytest.raises(EndpointRefuses, match="5 reports in a row"):
        read(llm, cache, *(f"report {n}" for n in range(50)), concurrency=1, max_attempts=1,
             max_failures_in_a_row=5)  # fmt: skip
    assert len(llm.requests) <= 6


def test_bad_answers_alone_never_stop_the_run(llm: ScriptedLlm, cache: Path) -> None:
    script(llm, "no JSON")
    readings = read(llm, cache, *(f"report {n}" for n in range(30)), max_failures_in_a_row=5)
    assert all(reading.failure is not None for reading in readings)


def test_no_server_at_all_stops_the_run(cache: Path) -> None:
    nobody = ScriptedLlm(url="http://127.0.0.1:9/v1")
    with pytest.raises(EndpointRefuses):
        read(nobody, cache, "a", "b", max_attempts=2, max_failures_in_a_row=2)


def test_no_more_requests_than_allowed_are_under_way(llm: ScriptedLlm, cache: Path) -> None:
    def slow(handler: Handler, body: dict[str, Any], number: int) -> None:
        time.sleep(LATER_S)
        answer(handler, SINUS)

    llm.act = slow
    readings = read(llm, cache, *(f"sinusrhythmus {n}" for n in range(40)), concurrency=4)
    assert len(readings) == 40
    assert 2 <= llm.most_at_once <= 4


def test_readings_come_in_the_order_of_the_reports(llm: ScriptedLlm, cache: Path) -> None:
    words = ["sinusrhythmus", "vorhofflimmern", "linksschenkelblock"] * 5

    def act(handler: Handler, body: dict[str, Any], number: int) -> None:
        word = body["messages"][-1]["content"].split()[0]
        time.sleep(LATER_S if word == "sinusrhythmus" else 0)
        answer(handler, [finding(word, word)])

    llm.act = act
    texts = [f"{word} {n}" for n, word in enumerate(words)]
    found = [reading.entities[0].condition_id for reading in read(llm, cache, *texts)]
    assert found[:3] * 5 == found
    assert found[:2] == ["sinus-rhythm", "atrial-fibrillation"]


def test_an_answered_report_is_never_asked_again(llm: ScriptedLlm, cache: Path) -> None:
    first = read(llm, cache, "sinusrhythmus", "sinusrhythmus b")
    with make_reader(llm, cache) as reader:
        again = reader.read([Report("x", "sinusrhythmus"), Report("y", "sinusrhythmus b")])
    assert again == first
    assert len(llm.requests) == 2
    assert (reader.counts.cached, reader.counts.asked, reader.cost) == (2, 0, 0)


def test_equal_reports_in_one_chunk_are_asked_once(llm: ScriptedLlm, cache: Path) -> None:
    readings = read(llm, cache, *["sinusrhythmus"] * 10)
    assert len(llm.requests) == 1
    assert len({reading.entities for reading in readings}) == 1


@pytest.mark.parametrize("change", [{"model": "other"}, {"temperature": 0.5}, {"extra": {"a": 1}}])
def test_another_model_or_parameter_is_asked_anew(
    llm: ScriptedLlm, cache: Path, change: dict[str, Any]
) -> None:
    read(llm, cache, "sinusrhythmus")
    read(llm, cache, "sinusrhythmus", **change)
    assert len(llm.requests) == 2


def test_another_prompt_is_asked_anew(llm: ScriptedLlm, cache: Path, tmp_path: Path) -> None:
    prompt = tmp_path / "prompt.toml"
    prompt.write_text('instructions = "Read."\n')
    read(llm, cache, "sinusrhythmus")
    read(llm, cache, "sinusrhythmus", prompt=prompt)
    assert len(llm.requests) == 2
    assert len(llm.requests[1]["messages"]) == 2


def test_failed_reports_are_asked_again_by_the_next_run(llm: ScriptedLlm, cache: Path) -> None:
    script(llm, "no JSON", "no JSON", good)
    assert read(llm, cache, "sinusrhythmus")[0].failure is not None
    assert read(llm, cache, "sinusrhythmus")[0].entities


@pytest.mark.parametrize("text", [None, "", "  \n"])
def test_an_empty_report_is_not_asked(llm: ScriptedLlm, cache: Path, text: str | None) -> None:
    assert read(llm, cache, text) == [LlmReading()]
    assert llm.requests == []


def test_odd_characters_survive_the_way(llm: ScriptedLlm, cache: Path) -> None:
    report = "sinusrhythmus \ud800 \x00 \U0001f493"
    (reading,) = read(llm, cache, report)
    assert report[reading.entities[0].start : reading.entities[0].end] == "sinusrhythmus"


def test_tokens_and_costs_count_unusable_answers_too(llm: ScriptedLlm, cache: Path) -> None:
    script(llm, "no JSON", good)
    with make_reader(llm, cache, price_per_million_prompt_tokens=10,
                     price_per_million_answer_tokens=100) as reader:  # fmt: skip
        reader.read([Report("1", "sinusrhythmus")])
    # Three answers: one to the probe, one that cannot be used, one that can.
    assert (reader.counts.prompt_tokens, reader.counts.answer_tokens) == (300, 60)
    assert reader.cost == pytest.approx((300 * 10 + 60 * 100) / 1e6)


def test_the_key_is_sent_and_stands_nowhere_else(
    llm: ScriptedLlm, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ECG_TEST_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    script(llm, status(500), good)
    with make_reader(llm, cache, api_key_env="ECG_TEST_KEY") as reader:
        reader.read([Report("1", "sinusrhythmus, Frau Geheim")])
        assert llm.headers[0]["Authorization"] == f"Bearer {KEY}"
        assert KEY not in repr(reader.config) + str(vars(reader))
    assert KEY not in caplog.text
    assert "Geheim" not in caplog.text
    assert KEY.encode() not in b"".join(p.read_bytes() for p in cache.parent.iterdir())


def test_only_the_owner_may_read_the_cache(llm: ScriptedLlm, cache: Path) -> None:
    read(llm, cache, "sinusrhythmus")
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600
