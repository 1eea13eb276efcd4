"""Seeds of what devices send: short recordings, so that each fits into a fuzzer's input."""

from collections.abc import Mapping

import numpy as np

from ecg_core.leads import LEADS
from tests.support.philips_files import make_philips, xli_packed
from tests.support.recordings import make_recording
from tests.support.scp_files import (
    DEFAULT_CODES,
    DEFAULT_TABLES,
    Code,
    differences,
    huffman_packed,
    leads_section,
    make_scp,
    patient_section,
    rhythm_section,
    tables_section,
)
from tests.support.xml_files import (
    aecg_lead,
    aecg_series,
    aecg_set,
    make_aecg,
    make_cardiosoft,
    make_muse,
    muse_lead,
    muse_waveform,
    stored_units,
)

# The shortest that the quality check lets through, and no finer than it must be.
TWELVE = stored_units(make_recording(duration_s=2.6, sampling_rate_hz=50.0), mv_per_unit=0.02)
THREE = {lead: TWELVE[lead] for lead in ("I", "II", "V1")}
# The fuzzers' inputs begin with what they separate.
MARK = b"\n==\n"
OWN_TABLE = (Code("0", 0), Code("10", 0, 6), Code("11", 0, 16))
SWITCHING = (
    (Code("0", 0), Code("1", 2, is_switch=True)),
    (Code("0", 0, 8), Code("1", 1, is_switch=True)),
)


def documents() -> dict[str, bytes]:
    """Documents of each device, as they come and as they rarely do."""
    leads = [aecg_lead(name, row, scale=20) for name, row in THREE.items()]
    rhythm = aecg_series(
        aecg_set(leads, increment="20", unit="ms"), derived=aecg_set([aecg_lead("I", range(9))])
    )
    split = [aecg_set([lead], increment="0.02", time_code="TIME_RELATIVE") for lead in leads]
    muse = [
        muse_lead(name, row, LeadDataCRC32=0, LeadAmplitudeUnitsPerBit="20,0")
        for name, row in THREE.items()
    ]
    median = muse_waveform([muse_lead("I", THREE["I"][:20])], "Median", base=50)
    rate = '<SampleRate units="Hz">50</SampleRate>'
    resolution = '<Resolution units="uVperLsb">20</Resolution>'
    philips = {"samplespersecond": 50, "resolution": 20, "durationperchannel": 2600}
    return {
        "aecg": make_aecg(rhythm, birth="20000101"),
        "aecg_split": make_aecg(aecg_series(*split)),
        "muse": make_muse(median, muse_waveform(muse, base=50), patient={"PatientAge": "3"}),
        "muse_utf_16": make_muse(muse_waveform(muse[:2], base=5, exponent=1), encoding="UTF-16"),
        "cardiosoft": make_cardiosoft(THREE, rate=rate, resolution=resolution),
        "philips_1_03": make_philips(
            TWELVE, version="1.03", document_encoding="utf-8", durationperchannel=260
        ),
        "philips_1_04": make_philips(TWELVE, document_encoding="utf-8", **philips),
        "philips_plain": make_philips(
            THREE, compression="", encoding="Plain", document_encoding="utf-8", **philips
        ),
    }


def waveforms() -> dict[str, bytes]:
    """Compressed waveforms of Philips' devices."""
    noise = np.random.default_rng(0)
    noisy = {lead: noise.integers(-99, 99, 130) for lead in LEADS}
    return {
        "rhythm": xli_packed(TWELVE),
        "noise": xli_packed(noisy),
        "silence": xli_packed(dict.fromkeys(LEADS, np.zeros(130, np.int64))),
    }


def records() -> dict[str, bytes]:
    """SCP-ECG records in each compression."""
    patient = {1: patient_section({4: b"\x05\0\1", 5: bytes(4), 32: b"\0\x2a"}), 7: bytes(4)}
    said = {"interval_us": 20_000, "nv_per_unit": 20_000}
    return {
        "second": make_scp(THREE, changed=patient, **said),
        "first": make_scp(THREE, times=1, codes=OWN_TABLE, **said),
        "plain": make_scp(THREE, times=0, codes=None, first=0, **said),
    }


def sections() -> dict[str, bytes]:
    """What the target puts into a record: leads, rhythm, tables."""
    leads = leads_section([1, 2, 3], 1, 130)
    said = {"interval_us": 20_000, "nv_per_unit": 20_000}
    stored = [differences(row, 2) for row in THREE.values()]
    default = rhythm_section([huffman_packed(row, DEFAULT_CODES) for row in stored], **said)
    own = rhythm_section([huffman_packed(row, OWN_TABLE) for row in stored], **said)
    plain = rhythm_section([row.astype("<i2").tobytes() for row in stored], **said)
    random = np.random.default_rng(0)
    any_bits = rhythm_section([random.bytes(400)] * 3, times=1, **said)
    return {
        "default": MARK.join((leads, default, DEFAULT_TABLES)),
        "own": MARK.join((leads, own, tables_section(OWN_TABLE))),
        "switching": MARK.join((leads, any_bits, tables_section(*SWITCHING))),
        "plain": MARK.join((leads, plain)),
    }


def format_seeds() -> Mapping[str, Mapping[str, bytes]]:
    """All of them: target, name, bytes."""
    return {
        "device_document": documents(),
        "philips_waveforms": waveforms(),
        "scp_record": records(),
        "scp_sections": sections(),
    }
