from dataclasses import replace

import pytest
from starlette.requests import Request

import api_schemas as wire
from ecg_core.errors import Fault, FaultCode
from ecg_core.readers import StatedFacts, UploadedFile
from service.diagnosis import DiagnosisRequest
from service.idempotency.errors import InvalidIdempotencyKey
from service.idempotency.keys import (
    diagnosis_fingerprint,
    document_fingerprint,
    record_id,
    stated_key,
)


def request(*keys: str) -> Request:
    headers = [(b"idempotency-key", key.encode("latin-1")) for key in keys]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("stated", "key"),
    [
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        (r'"a \"b\" \\ c"', r'a "b" \ c'),
        ("x" * 255, "x" * 255),
    ],
)
def test_a_key_is_a_string_quoted_or_bare(stated: str, key: str) -> None:
    assert stated_key(request(stated)) == key


def test_without_the_header_there_is_no_key() -> None:
    assert stated_key(request()) is None


@pytest.mark.parametrize(
    "stated", ["", '""', "x" * 256, "a b", '"a', 'a"b"', "ä", "a\x01", r'"\a"', '"a";p=1']
)
def test_what_is_no_key_is_refused(stated: str) -> None:
    with pytest.raises(InvalidIdempotencyKey):
        stated_key(request(stated))


def test_two_keys_are_refused() -> None:
    with pytest.raises(InvalidIdempotencyKey):
        stated_key(request("a", "b"))


def test_a_record_is_named_by_caller_method_route_and_key() -> None:
    whole = ("caller", "POST", "/diagnose", "key")
    named = record_id(*whole)
    others = [record_id(*whole[:n], "x", *whole[n + 1 :]) for n in range(4)]
    assert len({named, *others, record_id("callerPOST", "", "/diagnose", "key")}) == 6
    assert not any(part in named for part in whole)


ASKED = DiagnosisRequest((UploadedFile("a.hea", b"12"), UploadedFile("a.dat", b"34")), ("LBBB",))


@pytest.mark.parametrize(
    "other",
    [
        replace(ASKED, queries=("RBBB",)),
        replace(ASKED, queries=("LBBB", "LBBB")),
        replace(ASKED, top_k=1),
        replace(ASKED, allow_missing_leads=True),
        replace(ASKED, stated=StatedFacts(sampling_rate_hz=500.0)),
        replace(ASKED, files=ASKED.files[::-1]),
        replace(ASKED, files=(UploadedFile("b.hea", b"12"), ASKED.files[1])),
        replace(ASKED, files=(UploadedFile("a.hea", b"13"), ASKED.files[1])),
        replace(ASKED, files=(UploadedFile("a.hea", b"1"), UploadedFile("a.dat", b"234"))),
        replace(ASKED, faults=(Fault(FaultCode.INVALID_PARAMETER, ""),)),
    ],
)
def test_any_other_payload_has_another_fingerprint(other: DiagnosisRequest) -> None:
    assert diagnosis_fingerprint(other) != diagnosis_fingerprint(ASKED)
    assert diagnosis_fingerprint(replace(ASKED)) == diagnosis_fingerprint(ASKED)


def test_a_documents_fingerprint_is_that_of_its_content() -> None:
    one, same = (wire.NewCondition.model_validate_json(text) for text in (
        '{"text": "a", "name": "b"}', '{"name":"b","text":"a"}',
    ))  # fmt: skip
    assert document_fingerprint(one) == document_fingerprint(same)
    assert document_fingerprint(one) != document_fingerprint(wire.NewCondition(text="a"))
