import pytest
from starlette.testclient import TestClient

import api_schemas as wire
from cardioquery.demo.simulator import simulate
from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from ecg_core.recording import Recording
from service.settings import Settings
from tests.support.recordings import make_csv, make_recording, make_wfdb, make_wfdb_zip
from tests.support.service import as_upload, make_csv_bytes

RECORDING = make_recording()
QUERIES = ["atrial fibrillation", "LBBB", "acute inferior STEMI", "broad notched waves"]


def diagnose(client: TestClient, *files: UploadedFile, **data: object) -> wire.Diagnosis:
    response = client.post("/diagnose", files=as_upload(files or make_wfdb()), data=data)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return wire.Diagnosis.model_validate_json(response.content)


def by_query(diagnosis: wire.Diagnosis) -> dict[str, float]:
    return {finding.query: finding.probability for finding in diagnosis.findings}


def test_the_answer_has_every_field_of_the_contract(client: TestClient) -> None:
    response = client.post(
        "/diagnose",
        files=as_upload(make_wfdb()),
        data={"queries": QUERIES},
        headers={"X-Request-ID": "my-request"},
    )
    answer = response.json()
    assert set(answer) == set(wire.Diagnosis.model_fields)
    assert answer["request_id"] == response.headers["x-request-id"] == "my-request"
    assert answer["recording"] == {
        "format": "wfdb",
        "leads": list(LEADS),
        "sampling_rate_hz": 500.0,
        "duration_s": 10.0,
    }
    assert answer["preprocessing"][0] == "resampled 500 -> 100 Hz"
    assert [finding["rank"] for finding in answer["findings"]] == [1, 2, 3, 4]
    assert {finding["query"] for finding in answer["findings"]} == set(QUERIES)
    assert answer["model"]["digest"].startswith("sha256:")
    timing = response.headers["server-timing"]
    assert all(f"{stage};dur=" in timing for stage in answer["timings_ms"])


def test_known_conditions_are_called_known_by_whatever_wording(client: TestClient) -> None:
    trained = client.get("/model").json()["trained_conditions"]
    found = {f.query: f for f in diagnose(client, queries=QUERIES).findings}
    for query, condition_id in [
        ("atrial fibrillation", "atrial-fibrillation"),
        ("LBBB", "left-bundle-branch-block"),
    ]:
        finding = found[query]
        assert finding.condition_id is not None
        assert finding.calibrated == (finding.familiarity == "known")
        assert (finding.familiarity == "known") == (finding.condition_id in trained)
        if condition_id == finding.condition_id and condition_id in trained:
            assert finding.nearest_condition.id == condition_id
            assert finding.nearest_condition.similarity == 1.0
    free = found["broad notched waves"]
    assert free.condition_id is None
    assert free.familiarity in ("near", "unseen")
    assert free.nearest_condition.id in trained


def test_without_queries_every_registered_condition_is_ranked(client: TestClient) -> None:
    names = set()
    cursor: str | None = None
    while True:
        params = {"limit": 50} | ({"cursor": cursor} if cursor else {})
        page = client.get("/queries", params=params).json()
        names |= {condition["name"] for condition in page["conditions"]}
        cursor = page["next_cursor"]
        if cursor is None:
            break
    diagnosis = diagnose(client)
    assert {finding.query for finding in diagnosis.findings} == names
    assert len(names) == len(diagnosis.findings)


def test_the_list_that_nobody_asked_for_says_which_findings_were_trained(
    client: TestClient,
) -> None:
    trained = set(client.get("/model").json()["trained_conditions"])
    findings = diagnose(client).findings
    assert {f.condition_id for f in findings if f.trained} == trained
    assert all(f.trained is not None and f.group for f in findings)
    in_order = [f.trained for f in findings if f.answerable]
    assert in_order == sorted(in_order, reverse=True)
    rated = [f for f in findings if f.base_rate is not None]
    assert all(f.lift == pytest.approx(f.probability / f.base_rate) for f in rated)
    assert all(f.lift is None for f in findings if f.base_rate is None)


def test_what_names_no_condition_is_neither_trained_nor_untrained(client: TestClient) -> None:
    (finding,) = diagnose(client, queries=["QTc over 480 ms"]).findings
    assert (finding.trained, finding.group, finding.base_rate, finding.lift) == (None,) * 4


def test_top_k_returns_the_most_probable(client: TestClient) -> None:
    everything = diagnose(client).findings
    assert diagnose(client, top_k="3").findings == everything[:3]


def test_other_queries_change_no_probability(client: TestClient) -> None:
    together = by_query(diagnose(client, queries=QUERIES))
    turned = by_query(diagnose(client, queries=[*QUERIES[::-1], "sinus rhythm"]))
    for query in QUERIES:
        alone = by_query(diagnose(client, queries=[query]))
        assert alone[query] == pytest.approx(together[query], abs=1e-6)
        assert turned[query] == pytest.approx(together[query], abs=1e-6)


def test_thousands_of_queries_change_no_probability(client: TestClient) -> None:
    client_settings: Settings = client.app.state.service.settings  # type: ignore[attr-defined]
    known = [f"{name}{spaces}" for name in QUERIES[:3] for spaces in (" " * n for n in range(900))]
    assert len(known) < client_settings.max_queries
    together = by_query(diagnose(client, queries=known))
    alone = by_query(diagnose(client, queries=QUERIES[:3]))
    assert len(together) == len(known)
    for query in known:
        assert together[query] == pytest.approx(alone[query.strip()], abs=1e-6)


def test_the_leads_order_in_the_file_changes_nothing(client: TestClient) -> None:
    turned = make_wfdb(make_recording(leads=LEADS[::-1]))
    plain, other = diagnose(client, queries=QUERIES), diagnose(client, *turned, queries=QUERIES)
    assert other.recording.leads == list(LEADS[::-1])
    assert by_query(other) == pytest.approx(by_query(plain), abs=1e-6)


def test_millivolts_and_microvolts_agree(client: TestClient) -> None:
    micro = make_wfdb(units="uV")
    assert by_query(diagnose(client, *micro, queries=QUERIES)) == pytest.approx(
        by_query(diagnose(client, queries=QUERIES)), abs=1e-4
    )


def test_500_and_1000_hz_copies_agree(client: TestClient) -> None:
    # Two samplings of one signal: what differs is rounding and the filters' edges.
    copy = make_wfdb(make_recording(sampling_rate_hz=1000))
    assert by_query(diagnose(client, *copy, queries=QUERIES)) == pytest.approx(
        by_query(diagnose(client, queries=QUERIES)), abs=0.01
    )


def test_a_zip_and_its_files_agree(client: TestClient) -> None:
    zipped = diagnose(client, make_wfdb_zip(), queries=QUERIES)
    assert by_query(zipped) == by_query(diagnose(client, queries=QUERIES))


def test_a_csv_with_stated_facts_agrees_with_the_wfdb_file(client: TestClient) -> None:
    plain = by_query(diagnose(client, queries=QUERIES))
    with_header = UploadedFile("a.csv", make_csv_bytes(RECORDING))
    assert by_query(diagnose(client, with_header, queries=QUERIES, units="mV")) == pytest.approx(
        plain, abs=1e-3
    )
    bare = UploadedFile(
        "a.csv", make_csv_bytes(RECORDING, units_per_mv=1000, header=False, time_column=False)
    )
    stated = {"units": "1000", "sampling_rate_hz": "500", "lead_order": ",".join(LEADS)}
    answer = diagnose(client, bare, queries=QUERIES, **stated)
    assert answer.recording.format == "csv"
    assert by_query(answer) == pytest.approx(plain, abs=1e-3)


def test_a_negated_query_gets_the_complement_and_says_so(client: TestClient) -> None:
    answer = diagnose(client, queries=["atrial fibrillation", "no atrial fibrillation"])
    found = {finding.query: finding for finding in answer.findings}
    plain, negated = found["atrial fibrillation"], found["no atrial fibrillation"]
    assert negated.probability == pytest.approx(1 - plain.probability)
    assert (plain.negated, negated.negated) == (False, True)
    assert [w.query for w in answer.warnings if w.code == "negated_query"] == [negated.query]


def test_the_same_text_twice_is_answered_once(client: TestClient) -> None:
    answer = diagnose(client, queries=["LBBB", "LBBB", "left bundle branch block"])
    assert sorted(f.query for f in answer.findings) == ["LBBB", "left bundle branch block"]
    assert len({round(f.probability, 6) for f in answer.findings}) == 1


def test_missing_leads_are_scored_if_allowed_and_told(client: TestClient) -> None:
    leads = [lead for lead in LEADS if lead not in ("V3", "aVR")]
    files = make_wfdb(make_recording(leads=leads))
    answer = diagnose(client, *files, queries=QUERIES, allow_missing_leads="true")
    assert [w.lead for w in answer.warnings if w.code == "missing_lead"] == ["V3"]
    assert any(step.startswith("derived aVR") for step in answer.preprocessing)


@pytest.mark.parametrize(
    ("leads", "answered"),
    [
        (("I", "II"), {0, 2, 4}),
        (("II",), {0, 4}),
        (tuple(x for x in LEADS if x != "V3"), {*range(5)}),
    ],
)
def test_without_a_lead_only_what_validation_allowed_is_answered(
    client: TestClient, leads: tuple[str, ...], answered: set[int]
) -> None:
    """The shipped bundle's `lead_sets`; what is measured needs the leads it is measured in."""
    asked = ["atrial fibrillation", "anteroseptal myocardial infarction", "no LBBB",
             "ST elevation in V2", "heart rate above 87"]  # fmt: skip
    whole = simulate()
    rows = [whole.leads.index(lead) for lead in leads]
    part = Recording(whole.samples_mv[rows], leads, whole.sampling_rate_hz, "csv")
    answer = diagnose(client, *make_csv(part), queries=asked, allow_missing_leads="true")
    found = {f.query: f for f in answer.findings}
    assert {n for n, query in enumerate(asked) if found[query].answerable} == answered
    reasons = {found[query].reason for n, query in enumerate(asked) if n not in answered}
    assert reasons <= {"missing_leads"}
    assert {n for n, query in enumerate(asked) if found[query].calibrated} == answered & {0, 1, 2}


def test_a_long_recording_is_scored_over_windows(client: TestClient) -> None:
    files = make_wfdb(make_recording(duration_s=25, sampling_rate_hz=100))
    answer = diagnose(client, *files, queries=QUERIES)
    assert any("3 windows" in step for step in answer.preprocessing)
