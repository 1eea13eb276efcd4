"""Both clients: each test runs against the blocking one and the one for asyncio."""

import asyncio
import inspect
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from cardioquery import (
    AsyncClient,
    Client,
    NotFound,
    RecordingFileError,
    RequestTimedOut,
    RetryPolicy,
    ServiceBusy,
    ServiceUnreachable,
    UnexpectedAnswer,
)
from tests.unit.cardioquery.fakes import (
    CONDITION,
    CSV,
    DIAGNOSIS,
    MODEL,
    READY,
    Recorder,
    answer,
    page,
    problem,
)

Ask = Callable[..., Any]


def ask_blocking(recorder: Recorder, method: str, *args: Any, **options: Any) -> Any:
    client_options = options.pop("client", {})
    with Client(transport=httpx.MockTransport(recorder), **client_options) as client:
        result = getattr(client, method)(*args, **options)
        return list(result) if inspect.isgenerator(result) else result


def ask_asyncio(recorder: Recorder, method: str, *args: Any, **options: Any) -> Any:
    client_options = options.pop("client", {})

    async def ask() -> Any:
        transport = httpx.MockTransport(recorder)
        async with AsyncClient(transport=transport, **client_options) as client:
            result = getattr(client, method)(*args, **options)
            if inspect.isasyncgen(result):
                return [item async for item in result]
            return await result

    return asyncio.run(ask())


@pytest.fixture(params=[ask_blocking, ask_asyncio], ids=["blocking", "asyncio"])
def ask(request: pytest.FixtureRequest) -> Ask:
    function: Ask = request.param
    return function


class TestDiagnose:
    def test_answer_is_typed(self, ask: Ask) -> None:
        assert ask(Recorder(answer(DIAGNOSIS)), "diagnose", CSV) == DIAGNOSIS

    def test_added_fields_of_a_newer_service_do_no_harm(self, ask: Ask) -> None:
        body = DIAGNOSIS.model_dump(mode="json") | {"new": 1}
        assert ask(Recorder(httpx.Response(200, json=body)), "diagnose", CSV) == DIAGNOSIS

    def test_every_option_is_sent(self, ask: Ask) -> None:
        recorder = Recorder(answer(DIAGNOSIS))
        ask(
            recorder,
            "diagnose",
            CSV,
            queries=["LBBB", "Vorhofflimmern"],
            top_k=3,
            sampling_rate_hz=500,
            units="uV",
            lead_order=["I", "II"],
            allow_missing_leads=True,
        )
        assert recorder.requests[0].url == "http://127.0.0.1:8000/diagnose"
        fields = ("top_k", "3"), ("units", "uV"), ("lead_order", "I,II")
        expected = [*fields, ("sampling_rate_hz", "500"), ("allow_missing_leads", "true")]
        for name, value in [*expected, ("queries", "LBBB"), ("queries", "Vorhofflimmern")]:
            assert f'name="{name}"\r\n\r\n{value}\r\n' in recorder.body
        assert 'name="recording"; filename="a.csv"' in recorder.body

    def test_fhir_is_handed_on_as_it_came(self, ask: Ask) -> None:
        bundle = {"resourceType": "Bundle", "of a newer service": [1, 0.25]}
        headers = {"content-type": "application/fhir+json; charset=utf-8"}
        recorder = Recorder(httpx.Response(200, json=bundle, headers=headers))
        said = {"subject": "Patient/1", "effective": datetime(2025, 1, 31, 9, 30, tzinfo=UTC)}
        assert ask(recorder, "diagnose_fhir", CSV, queries=["LBBB"], **said) == bundle
        assert recorder.requests[0].headers["accept"] == "application/fhir+json"
        fields = ("fhir_subject", "Patient/1"), ("fhir_effective", "2025-01-31T09:30:00+00:00")
        for name, value in [*fields, ("queries", "LBBB")]:
            assert f'name="{name}"\r\n\r\n{value}\r\n' in recorder.body
        assert "fhir_encounter" not in recorder.body

    def test_an_older_service_that_answers_without_fhir_is_told(self, ask: Ask) -> None:
        with pytest.raises(UnexpectedAnswer, match="no FHIR"):
            ask(Recorder(answer(DIAGNOSIS)), "diagnose_fhir", CSV)

    def test_what_is_not_stated_is_not_sent(self, ask: Ask) -> None:
        recorder = Recorder(answer(DIAGNOSIS))
        ask(recorder, "diagnose", CSV)
        assert recorder.body.count("Content-Disposition") == 1

    def test_one_text_as_queries_is_refused(self, ask: Ask) -> None:
        with pytest.raises(TypeError, match="list of texts"):
            ask(Recorder(), "diagnose", CSV, queries="LBBB")

    def test_file_that_is_not_there_sends_nothing(self, ask: Ask) -> None:
        recorder = Recorder()
        with pytest.raises(RecordingFileError):
            ask(recorder, "diagnose", "nowhere.csv")
        assert recorder.requests == []

    def test_another_services_answer_is_unexpected(self, ask: Ask) -> None:
        with pytest.raises(UnexpectedAnswer, match="no Diagnosis"):
            ask(Recorder(httpx.Response(200, text="<html>")), "diagnose", CSV)

    def test_redirect_is_unexpected(self, ask: Ask) -> None:
        moved = httpx.Response(307, headers={"Location": "http://elsewhere.test/"})
        with pytest.raises(UnexpectedAnswer, match="307"):
            ask(Recorder(moved), "diagnose", CSV)


class TestConditions:
    def test_condition_is_registered(self, ask: Ask) -> None:
        recorder = Recorder(answer(CONDITION, 201))
        codes = [("http://snomed.info/sct", "14140009")]
        stored = ask(recorder, "add_condition", "hyperkalaemia", synonyms=["K"], codes=codes)
        assert stored == CONDITION
        assert json.loads(recorder.body) == {
            "text": "hyperkalaemia",
            "synonyms": ["K"],
            "codes": [{"system": "http://snomed.info/sct", "code": "14140009"}],
        }

    def test_all_pages_are_read(self, ask: Ask) -> None:
        recorder = Recorder(page(CONDITION, CONDITION, next_cursor="c+1"), page(CONDITION))
        assert ask(recorder, "conditions") == [CONDITION] * 3
        assert recorder.requests[1].url.params["cursor"] == "c+1"

    def test_id_is_quoted(self, ask: Ask) -> None:
        recorder = Recorder(answer(CONDITION))
        assert ask(recorder, "condition", "a/../b c?") == CONDITION
        assert recorder.requests[0].url.raw_path == b"/queries/a%2F..%2Fb%20c%3F"

    @pytest.mark.parametrize("condition_id", ["", ".", ".."])
    def test_id_that_is_a_path_is_refused(self, ask: Ask, condition_id: str) -> None:
        with pytest.raises(ValueError, match="id"):
            ask(Recorder(), "remove_condition", condition_id)

    def test_condition_is_removed(self, ask: Ask) -> None:
        recorder = Recorder(httpx.Response(204))
        assert ask(recorder, "remove_condition", "x") is None
        assert recorder.requests[0].method == "DELETE"

    def test_unknown_condition_is_not_found(self, ask: Ask) -> None:
        with pytest.raises(NotFound, match="A title"):
            ask(Recorder(problem(404)), "condition", "x")


class TestModelAndReadiness:
    def test_model_card(self, ask: Ask) -> None:
        assert ask(Recorder(answer(MODEL)), "model") == MODEL

    def test_path_of_the_url_is_kept(self, ask: Ask) -> None:
        recorder = Recorder(answer(MODEL))
        ask(recorder, "model", client={"url": "https://hospital.test/ecg"})
        assert recorder.requests[0].url == "https://hospital.test/ecg/model"

    def test_headers_are_sent(self, ask: Ask) -> None:
        recorder = Recorder(answer(MODEL))
        ask(recorder, "model", client={"headers": {"X-Request-ID": "R7"}})
        assert recorder.requests[0].headers["X-Request-ID"] == "R7"

    def test_api_key_is_sent(self, ask: Ask) -> None:
        recorder = Recorder(answer(MODEL))
        ask(recorder, "model", client={"api_key": "cqk_one\n"})
        assert recorder.requests[0].headers["Authorization"] == "Bearer cqk_one"

    def test_api_key_comes_from_the_environment(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CARDIOQUERY_API_KEY", "cqk_two")
        recorder = Recorder(*[answer(MODEL)] * 3)
        ask(recorder, "model")
        ask(recorder, "model", client={"api_key": "cqk_one"})
        ask(recorder, "model", client={"headers": {"Authorization": "Basic x"}})
        sent = [request.headers["Authorization"] for request in recorder.requests]
        assert sent == ["Bearer cqk_two", "Bearer cqk_one", "Basic x"]

    def test_without_an_api_key_none_is_sent(self, ask: Ask) -> None:
        recorder = Recorder(answer(MODEL))
        ask(recorder, "model")
        assert "Authorization" not in recorder.requests[0].headers

    def test_ready(self, ask: Ask) -> None:
        assert ask(Recorder(httpx.Response(200, json=READY)), "ready") is True

    @pytest.mark.parametrize(
        "refusal",
        [problem(503, Retry_After="0"), httpx.ConnectError("x"), httpx.ReadTimeout("x")],
        ids=["busy", "unreachable", "late"],
    )
    def test_not_ready_is_told_without_retrying(self, ask: Ask, refusal: Any) -> None:
        recorder = Recorder(refusal)
        assert ask(recorder, "ready") is False
        assert len(recorder.requests) == 1


class TestRetries:
    @pytest.mark.parametrize("status", [429, 503])
    def test_busy_service_is_asked_again_when_it_says_when(self, ask: Ask, status: int) -> None:
        recorder = Recorder(problem(status, Retry_After="0"), answer(DIAGNOSIS))
        assert ask(recorder, "diagnose", CSV) == DIAGNOSIS
        first, second = (len(request.content) for request in recorder.requests)
        assert first == second

    def test_retries_are_bounded(self, ask: Ask) -> None:
        recorder = Recorder(*[problem(503, Retry_After="0")] * 3)
        with pytest.raises(ServiceBusy) as caught:
            ask(recorder, "diagnose", CSV)
        assert len(recorder.requests) == 3
        assert caught.value.retry_after_s == 0

    @pytest.mark.parametrize(
        "refusal",
        [problem(503), problem(504, Retry_After="0"), problem(503, Retry_After="31")],
        ids=["no time stated", "deadline passed", "too long"],
    )
    def test_anything_else_is_not_asked_again(self, ask: Ask, refusal: httpx.Response) -> None:
        recorder = Recorder(refusal)
        with pytest.raises(ServiceBusy):
            ask(recorder, "diagnose", CSV)
        assert len(recorder.requests) == 1

    def test_no_retries_if_so_wished(self, ask: Ask) -> None:
        recorder = Recorder(problem(503, Retry_After="0"))
        with pytest.raises(ServiceBusy):
            ask(recorder, "model", client={"retries": RetryPolicy(max_retries=0)})

    def test_broken_connection_is_not_asked_again(self, ask: Ask) -> None:
        recorder = Recorder(httpx.ReadError("broken"))
        with pytest.raises(ServiceUnreachable):
            ask(recorder, "add_condition", "x")
        assert len(recorder.requests) == 1

    def test_timeout_is_told(self, ask: Ask) -> None:
        with pytest.raises(RequestTimedOut):
            ask(Recorder(httpx.ReadTimeout("late")), "model")


def test_both_clients_have_the_same_methods() -> None:
    def methods(client: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(client, inspect.isfunction)
            if not name.startswith("_") and name not in {"close", "aclose"}
        }

    assert methods(Client) == methods(AsyncClient)
