import json
import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from ecg_core.bundle import (
    MANIFEST_FILE,
    MODEL_CARD_FILE,
    Manifest,
    load_bundle,
    write_manifest,
)
from ecg_core.errors import EcgError, InvalidBundle
from ecg_core.readers import UploadedFile
from ecg_core.reference import (
    QUERY_SIMILARITY_BOUNDS,
    TOP_PROBABILITY_BOUNDS,
    Reference,
    reference_histogram,
)
from service.errors import StoreUnavailable
from service.settings import Settings
from tests.support.clients import ClientMaker
from tests.support.recordings import make_wfdb
from tests.support.service import as_upload


def test_the_model_card_says_what_answers(client: TestClient) -> None:
    described = wire.ModelDescription.model_validate_json(client.get("/model").content)
    bundle = load_bundle(Settings().bundle_dir)
    assert described.model.digest == f"sha256:{bundle.digest}"
    assert described.trained_conditions == list(bundle.manifest.trained_conditions)
    assert (
        described.preprocessing["sampling_rate_hz"]
        == bundle.manifest.preprocessing.sampling_rate_hz
    )
    assert described.card


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    ready = wire.Readiness.model_validate_json(client.get("/readyz").content)
    assert ready.model_digest == client.get("/model").json()["model"]["digest"]


def test_metrics_count_what_happened(make_client: ClientMaker) -> None:
    client = make_client()
    upload = as_upload(make_wfdb())
    for _ in range(2):
        client.post("/diagnose", files=upload, data={"queries": ["AFib", "a strange heartbeat"]})
    client.post("/diagnose", files=upload, data={"queries": [""]})
    text = client.get("/metrics").text
    for line in (
        'cardioquery_requests_total{method="POST",route="/diagnose",status="200"} 2.0',
        'cardioquery_requests_total{method="POST",route="/diagnose",status="422"} 1.0',
        'cardioquery_errors_total{type="invalid-query"} 1.0',
        'cardioquery_stage_seconds_count{stage="encode"} 2.0',
        'cardioquery_stage_seconds_count{stage="queue"} 2.0',
        "cardioquery_queue_running 0.0",
        "cardioquery_queue_waiting 0.0",
        "cardioquery_model_info{",
        'cardioquery_recordings_total{verdict="good"} 2.0',
        'cardioquery_faults_total{code="empty_query"} 1.0',
        'cardioquery_top_probability_count{asked="chosen"} 2.0',
        "cardioquery_query_similarity_count 2.0",
        "cardioquery_upload_bytes_count 3.0",
        'cardioquery_request_seconds_count{method="POST",route="/diagnose",status_class="4xx"} 1.0',
        'cardioquery_errors_total{type="deadline-exceeded"} 0.0',
        'cardioquery_queue_limit{kind="waiting"} 64.0',
        "cardioquery_build_info{",
    ):
        assert line in text
    # The warm-up embeds one free text; the strange heartbeat is embedded once.
    assert 'cardioquery_query_embeddings_total{result="miss"} 2.0' in text


def test_a_refused_recording_is_counted_with_its_faults(make_client: ClientMaker) -> None:
    client = make_client()
    table = [UploadedFile("a.csv", b"I,II\n1,2\n")]
    assert client.post("/diagnose", files=as_upload(table)).status_code == 422
    text = client.get("/metrics").text
    assert 'cardioquery_recordings_total{verdict="refused"} 1.0' in text
    assert "cardioquery_faults_total{" in text


def bundle_with(tmp_path: Path, reference: object) -> Path:
    """A copy of the shipped bundle whose card has this reference."""
    copy = tmp_path / "bundle"
    shutil.copytree(Settings().bundle_dir, copy)
    card = json.loads((copy / MODEL_CARD_FILE).read_text()) | {"reference": reference}
    (copy / MODEL_CARD_FILE).write_text(json.dumps(card))
    write_manifest(copy, load_manifest(copy))
    return copy


def load_manifest(folder: Path) -> Manifest:
    return Manifest.model_validate_json((folder / MANIFEST_FILE).read_bytes())


def test_the_cards_reference_is_shown_beside_what_is_observed(
    make_client: ClientMaker, tmp_path: Path
) -> None:
    reference = Reference(
        top_probability=reference_histogram([0.85, 0.97], TOP_PROBABILITY_BOUNDS, "two"),
        query_similarity=reference_histogram([0.74], QUERY_SIMILARITY_BOUNDS, "one"),
    ).model_dump(mode="json")
    client = make_client(bundle_dir=bundle_with(tmp_path, reference))
    assert client.get("/model").json()["card"]["reference"] == reference
    text = client.get("/metrics").text
    assert 'cardioquery_reference_top_probability_share{le="0.9"} 0.5' in text
    assert 'cardioquery_reference_query_similarity_share{le="0.75"} 1.0' in text


def test_a_reference_that_cannot_be_read_stops_the_start(
    make_client: ClientMaker, tmp_path: Path
) -> None:
    with pytest.raises(InvalidBundle, match="reference"):
        make_client(bundle_dir=bundle_with(tmp_path, {"top_probability": [1, 2]}))


def test_a_bundle_that_was_tampered_with_is_refused_at_start(
    make_client: ClientMaker, tmp_path: Path
) -> None:
    copy = tmp_path / "bundle"
    shutil.copytree(Settings().bundle_dir, copy)
    card = copy / MODEL_CARD_FILE
    card.write_text(card.read_text() + " ")
    with pytest.raises(InvalidBundle, match=MODEL_CARD_FILE):
        make_client(bundle_dir=copy)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"bundle_dir": "/nowhere"}, InvalidBundle),
        ({"store_path": "/dev/null/conditions.sqlite3"}, StoreUnavailable),
    ],
)
def test_what_is_not_there_stops_the_start(
    options: dict[str, str], error: type[EcgError], tmp_path: Path
) -> None:
    from service.app import create_app

    settings = Settings(**({"store_path": tmp_path / "c.sqlite3"} | options))  # type: ignore[arg-type]
    with pytest.raises(error), TestClient(create_app(settings)):
        pass
