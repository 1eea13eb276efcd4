import shutil
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from ecg_core.bundle import MODEL_CARD_FILE, load_bundle
from ecg_core.errors import EcgError, InvalidBundle
from service.queries.store import StoreUnavailable
from service.settings import Settings
from tests.builders import make_wfdb
from tests.contract.conftest import ClientMaker
from tests.service_fixtures import as_upload


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
        client.post("/diagnose", files=upload, data={"queries": ["AFib", "a strange new wave"]})
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
    ):
        assert line in text
    # The warm-up embeds one free text; the strange wave is embedded once.
    assert 'cardioquery_query_embeddings_total{result="miss"} 2.0' in text


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
