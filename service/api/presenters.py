"""From the domain to the wire."""

from pydantic import BaseModel, JsonValue, TypeAdapter
from starlette.responses import Response

import api_schemas as wire
from ecg_core.bundle import Bundle
from service.diagnosis import Diagnosis, Finding
from service.queries.conditions import KnownCondition
from service.queries.familiarity import FamiliarityJudge, Standing

_JSON_OBJECT = TypeAdapter(dict[str, JsonValue])


def json_response(
    model: BaseModel, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """A wire model as the response; its own checks keep NaN out."""
    return Response(model.model_dump_json(), status, headers, media_type="application/json")


def model_identity(bundle: Bundle) -> wire.ModelIdentity:
    """Which model answers."""
    return wire.ModelIdentity(
        name=bundle.manifest.name,
        version=bundle.manifest.version,
        digest=f"sha256:{bundle.digest}",
        intended_use=bundle.manifest.intended_use,
    )


def model_description(bundle: Bundle, card: dict[str, JsonValue]) -> wire.ModelDescription:
    """The model card, and the parameters that shape every answer."""
    manifest = bundle.manifest
    return wire.ModelDescription(
        model=model_identity(bundle),
        preprocessing=_json_object(manifest.preprocessing),
        text_encoder=_json_object(manifest.text_encoder),
        ecg_encoder=_json_object(manifest.ecg_encoder),
        calibration=_json_object(manifest.calibration),
        familiarity=_json_object(manifest.familiarity),
        trained_conditions=list(manifest.trained_conditions),
        card=card,
    )


def diagnosis(found: Diagnosis, bundle: Bundle, request_id: str) -> wire.Diagnosis:
    """The answer to `POST /diagnose`."""
    recording = found.recording
    return wire.Diagnosis(
        request_id=request_id,
        model=model_identity(bundle),
        recording=wire.RecordingSummary(
            format=recording.format,
            leads=list(recording.leads),
            sampling_rate_hz=recording.sampling_rate_hz,
            duration_s=recording.duration_s,
        ),
        preprocessing=list(found.steps),
        warnings=[
            wire.DiagnosisWarning(code=w.code, detail=w.detail, lead=w.lead, query=w.query)
            for w in found.warnings
        ],
        findings=[_finding(finding) for finding in found.findings],
        timings_ms=wire.StageTimings(
            **{stage: round(1000 * seconds, 3) for stage, seconds in found.durations_s.items()}
        ),
    )


def condition(known: KnownCondition, judge: FamiliarityJudge) -> wire.Condition:
    """One condition, with its standing."""
    standing = judge.judge_condition(known)
    return wire.Condition(
        id=known.id,
        name=known.name,
        text=known.text,
        synonyms=list(known.synonyms),
        codes=[wire.Coding(system=code.system, code=code.code) for code in known.codes],
        built_in=known.built_in,
        familiarity=standing.familiarity,
        nearest_condition=_nearest(standing),
        created_at=known.created_at,
    )


def _finding(finding: Finding) -> wire.Finding:
    named = finding.query.condition
    return wire.Finding(
        rank=finding.rank,
        query=finding.query.text,
        condition_id=None if named is None else named.id,
        probability=finding.probability,
        calibrated=finding.calibrated,
        negated=finding.query.negated,
        familiarity=finding.standing.familiarity,
        nearest_condition=_nearest(finding.standing),
    )


def _nearest(standing: Standing) -> wire.NearestCondition:
    return wire.NearestCondition(
        id=standing.nearest_id, name=standing.nearest_name, similarity=round(standing.similarity, 4)
    )


def _json_object(model: BaseModel) -> dict[str, JsonValue]:
    return _JSON_OBJECT.validate_python(model.model_dump(mode="json"))
