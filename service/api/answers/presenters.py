"""From the domain to the wire; nothing of HTTP is in it."""

from pydantic import BaseModel, JsonValue, TypeAdapter

import api_schemas as wire
from ecg_core.bundle import Bundle
from ecg_core.signs.quantities import Measurement, Measurements
from service.api.answers.interpretation import interpretation
from service.engine.diagnosis import Diagnosis
from service.engine.findings import Finding, query_warnings
from service.engine.queries.conditions import KnownCondition
from service.engine.queries.embeddings import AskedQuery
from service.engine.queries.familiarity import FamiliarityClassifier, NearestTrained
from service.engine.queries.matching import matched_by

_JSON_OBJECT = TypeAdapter(dict[str, JsonValue])


def model_identity(bundle: Bundle) -> wire.ModelIdentity:
    """The identity of the model that answers."""
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
        measurements=_measurements(found.measurements),
        timings_ms=wire.StageTimings(
            **{stage: round(1000 * seconds, 3) for stage, seconds in found.durations_s.items()}
        ),
    )


def condition(known: KnownCondition, classifier: FamiliarityClassifier) -> wire.Condition:
    """One condition, with the trained one nearest to it."""
    nearest = classifier.classify_condition(known)
    return wire.Condition(
        id=known.id,
        name=known.name,
        text=known.text,
        synonyms=list(known.synonyms),
        codes=[wire.Coding(system=code.system, code=code.code) for code in known.codes],
        built_in=known.built_in,
        trained=known.trained,
        group=known.group,
        base_rate=known.base_rate,
        familiarity=nearest.familiarity,
        nearest_condition=_nearest(nearest),
        created_at=known.created_at,
    )


def read_condition(asked: AskedQuery, classifier: FamiliarityClassifier) -> wire.ReadCondition:
    """How a condition's text is read."""
    return wire.ReadCondition(
        interpreted_as=interpretation(asked.asked),
        warnings=[
            wire.DiagnosisWarning(code=w.code, detail=w.detail, lead=w.lead, query=w.query)
            for w in query_warnings([asked])
        ],
        existing=None if asked.condition is None else condition(asked.condition, classifier),
    )


def _finding(finding: Finding) -> wire.Finding:
    named = finding.query.condition
    measured = finding.measured
    return wire.Finding(
        rank=finding.rank,
        query=finding.query.text,
        condition_id=None if named is None else named.id,
        matched_by=matched_by(finding.query),
        probability=finding.probability,
        calibrated=finding.calibrated,
        negated=finding.query.negated,
        familiarity=finding.familiarity,
        nearest_condition=None if finding.nearest is None else _nearest(finding.nearest),
        answerable=finding.probability is not None,
        reason=None if finding.reason is None else finding.reason.value,
        interpreted_as=interpretation(finding.query.asked),
        measured=None
        if measured is None
        else wire.MeasuredValue(
            value=round(measured.value, 3),
            unit=measured.unit,
            uncertainty=round(measured.uncertainty, 3),
        ),
        part_of=finding.part_of,
        trained=None if named is None else named.trained,
        group=None if named is None else named.group,
        base_rate=finding.base_rate,
        lift=finding.lift,
    )


def _measurements(taken: Measurements) -> wire.Measurements:
    return wire.Measurements.model_validate(
        {
            **{quantity.value: _measurement(one) for quantity, one in taken.values.items()},
            "leads": {
                lead: {quantity.value: _measurement(one) for quantity, one in row.items()}
                for lead, row in taken.by_lead.items()
            },
            "beats": [wire.Beat(r_peak_s=b.r_peak_s, ectopic=b.ectopic) for b in taken.beats],
            "measured_s": taken.measured_s,
        }
    )


def _measurement(one: Measurement) -> wire.Measurement:
    return wire.Measurement.model_validate(
        {
            "value": None if one.value is None else round(one.value, 3),
            "unit": one.unit.value,
            "uncertainty": None if one.uncertainty is None else round(one.uncertainty, 3),
            "reason": None if one.reason is None else one.reason.value,
        }
    )


def _nearest(nearest: NearestTrained) -> wire.NearestCondition:
    return wire.NearestCondition(
        id=nearest.id, name=nearest.name, similarity=round(nearest.similarity, 4)
    )


def _json_object(model: BaseModel) -> dict[str, JsonValue]:
    return _JSON_OBJECT.validate_python(model.model_dump(mode="json"))
