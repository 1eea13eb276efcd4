import re
from pathlib import Path

import pytest

import service.runtime.assembly  # noqa: F401  (every module that defines an error is loaded)
from ecg_core.errors import EcgError, Fault, FaultCode, InputError, Overloaded, UnusableRecording
from ecg_core.quality import QualityWarningCode
from ecg_core.recording import NoteCode
from service.api.error_responses import error_response, validation_faults
from service.api.problems import PROBLEM_TYPES, http_problem_type, problem_type
from service.engine.gathering import FaultGatherer
from service.errors import InvalidParameter, UploadTooLarge

DOCS = Path(__file__).resolve().parents[4] / "docs" / "use" / "errors.md"


def all_errors(base: type[EcgError] = EcgError) -> set[type[EcgError]]:
    found = {base}
    for derived in base.__subclasses__():
        found |= all_errors(derived)
    # Other tests of the same process may have loaded what training raises, which no client sees.
    return {error for error in found if error.__module__.startswith(("ecg_core.", "service."))}


@pytest.mark.parametrize("error", sorted(all_errors(), key=lambda e: e.__name__))
def test_every_domain_error_is_in_the_table(error: type[EcgError]) -> None:
    assert error in PROBLEM_TYPES


def test_problem_types_are_told_apart_and_have_an_error_status() -> None:
    slugs = [kind.slug for kind in PROBLEM_TYPES.values()]
    assert len(set(slugs)) == len(slugs)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", slug) for slug in slugs)
    assert all(400 <= kind.status <= 599 for kind in PROBLEM_TYPES.values())


def test_every_domain_error_and_problem_type_is_in_the_docs() -> None:
    text = DOCS.read_text()
    absent = [e.__name__ for e in PROBLEM_TYPES if f"`{e.__name__}`" not in text]
    absent += [kind.uri for kind in PROBLEM_TYPES.values() if f"`{kind.uri}`" not in text]
    assert absent == []


def test_every_fault_and_warning_code_is_in_the_docs() -> None:
    text = DOCS.read_text()
    codes = [*FaultCode, *QualityWarningCode, *NoteCode]
    assert [code.value for code in codes if f"`{code.value}`" not in text] == []


def test_the_docs_state_the_right_status() -> None:
    rows = re.findall(r"^\| (\d{3}) \| `(urn:[a-z:-]+)`", DOCS.read_text(), flags=re.MULTILINE)
    assert {uri: int(status) for status, uri in rows} == {
        kind.uri: kind.status for kind in PROBLEM_TYPES.values()
    }


def test_an_error_without_a_row_of_its_own_takes_its_bases() -> None:
    class Rarer(UnusableRecording):
        pass

    assert problem_type(Rarer) == PROBLEM_TYPES[UnusableRecording]


def test_an_unexpected_error_says_nothing_but_the_requests_id() -> None:
    response = error_response(KeyError("John Doe"), "id-1")
    assert response.status_code == 500
    assert bytes(response.body) == (
        b'{"type":"urn:cardioquery:problem:internal-error","title":"Internal error",'
        b'"status":500,"request_id":"id-1"}'
    )


def test_busy_answers_say_when_to_try_again() -> None:
    response = error_response(Overloaded(retry_after_s=7), "id-1")
    assert (response.status_code, response.headers["retry-after"]) == (503, "7")


def test_a_connection_with_an_unread_body_is_closed() -> None:
    assert error_response(UploadTooLarge(), "id-1").headers["connection"] == "close"


def test_an_odd_http_status_is_still_a_problem() -> None:
    assert http_problem_type(418).slug == "i-m-a-teapot"
    assert http_problem_type(799).status == 500


def test_pydantics_errors_become_faults_that_name_the_field_and_never_the_value() -> None:
    faults = validation_faults(
        [
            {"type": "int_parsing", "loc": ("query", "limit"), "msg": "no integer"},
            {"type": "missing", "loc": ("codes", 0, "system"), "msg": "required"},
            {"type": "extra_forbidden", "loc": ("codes", 1, "John Doe"), "msg": "extra"},
            {"type": "extra_forbidden", "loc": ("John Doe",), "msg": "extra"},
            {"type": "model_type", "loc": (), "msg": "an object"},
        ]
    )
    assert [fault.field for fault in faults] == ["limit", "codes[0].system", "codes[1]", None, None]
    assert not any("Doe" in fault.detail for fault in faults)


def test_faults_of_several_steps_are_gathered() -> None:
    one, other = (Fault(code, "") for code in (FaultCode.TOO_SHORT, FaultCode.EMPTY_QUERY))
    gatherer = FaultGatherer()
    assert not gatherer
    gatherer.raise_any()
    with gatherer.gathering():
        raise UnusableRecording([one])
    with gatherer.gathering():
        raise InputError([other])
    with pytest.raises(UnusableRecording) as caught:
        gatherer.raise_any()
    assert caught.value.faults == (one, other)


def test_faults_at_hand_make_it_an_invalid_parameter() -> None:
    with pytest.raises(InvalidParameter):
        FaultGatherer([Fault(FaultCode.INVALID_PARAMETER, "")]).raise_any()


def test_other_errors_are_not_gathered() -> None:
    gatherer = FaultGatherer()
    with pytest.raises(ZeroDivisionError), gatherer.gathering():
        raise ZeroDivisionError
    assert not gatherer
