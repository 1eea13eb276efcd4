"""The quality check: between reading a recording and preparing it for the encoder."""

from dataclasses import replace

from ecg_core.checkpoint import Checkpoint, no_checkpoint
from ecg_core.errors import Fault, FaultCode, UnusableRecording
from ecg_core.quality.disturbances import disturbance_warnings
from ecg_core.quality.limb_leads import limb_lead_warnings
from ecg_core.quality.measures import WINDOW_S, measure
from ecg_core.quality.refusals import flat_leads, missing_leads, sample_faults, timing_faults
from ecg_core.quality.report import QualityReport, QualityWarning, QualityWarningCode
from ecg_core.quality.verdict import is_acceptable
from ecg_core.recording import Recording


def check_recording(
    recording: Recording,
    checkpoint: Checkpoint = no_checkpoint,
    *,
    allow_missing_leads: bool = False,
) -> QualityReport:
    """Refuse what cannot be scored honestly; warn of what is imperfect. Nothing is repaired.

    Args:
        recording: As a reader hands it over.
        checkpoint: Called for each window; may raise.
        allow_missing_leads: Score with the leads that are there: leads that are missing or flat
            are then warned of, and the flat ones left out, instead of refused. At least one must
            remain.

    Raises:
        UnusableRecording: With every fault at once.
    """
    flat = flat_leads(recording)
    absent = [_missing(lead) for lead in missing_leads(recording.leads)]
    absent += [_flat(lead) for lead in flat]
    usable = _without(recording, flat)
    faults = timing_faults(recording)
    if not (allow_missing_leads and usable.leads):
        faults += absent
    faults += sample_faults(recording)
    if faults:
        raise UnusableRecording(faults)
    return _report(usable, absent, checkpoint)


def _missing(lead: str) -> Fault:
    detail = f"lead {lead} is missing and does not follow from the leads that are there"
    return Fault(FaultCode.MISSING_LEAD, detail, lead=lead)


def _flat(lead: str) -> Fault:
    return Fault(FaultCode.FLAT_LEAD, f"lead {lead} is constant throughout", lead=lead)


def _without(recording: Recording, left_out: tuple[str, ...]) -> Recording:
    if not left_out:
        return recording
    rows = [row for row, lead in enumerate(recording.leads) if lead not in left_out]
    leads = tuple(recording.leads[row] for row in rows)
    return replace(recording, samples_mv=recording.samples_mv[rows], leads=leads)


def _report(usable: Recording, absent: list[Fault], checkpoint: Checkpoint) -> QualityReport:
    measures = measure(usable, checkpoint)
    acceptable = is_acceptable(measures)
    # The codes of absent leads are the same words as warnings and as faults.
    warnings = [
        QualityWarning(QualityWarningCode(fault.code.value), fault.detail, fault.lead)
        for fault in absent
    ]
    if usable.duration_s < WINDOW_S:
        detail = f"shorter than the {WINDOW_S:g} s of a usual recording"
        warnings.append(QualityWarning(QualityWarningCode.SHORT_RECORDING, detail))
    warnings += disturbance_warnings(usable.leads, measures)
    warnings += limb_lead_warnings(usable)
    if not acceptable:
        detail = "a reader of ECGs would probably not accept this recording"
        warnings.append(QualityWarning(QualityWarningCode.POOR_QUALITY, detail))
    return QualityReport(usable, tuple(warnings), acceptable)
