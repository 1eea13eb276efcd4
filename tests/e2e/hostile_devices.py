"""Hostile files of the devices' XML and of SCP-ECG, and sound ones beside them."""

from collections.abc import Callable

from ecg_core.readers import UploadedFile
from tests.e2e.hostile_files import RECORDING
from tests.support.philips_files import codes_packed, make_philips, with_pulse
from tests.support.scp_files import (
    Code,
    leads_section,
    make_scp,
    record,
    rhythm_section,
    tables_section,
)
from tests.support.xml_files import (
    EIGHT_LEADS,
    aecg_lead,
    aecg_series,
    aecg_set,
    make_aecg,
    make_cardiosoft,
    make_muse,
    muse_lead,
    muse_leads,
    muse_waveform,
    stored_units,
)

Files = Callable[[], list[UploadedFile]]

# In steps of 1 uV, as the WFDB pair whose answer theirs has to be.
ROWS = stored_units(RECORDING, 0.001)


def aecg() -> bytes:
    leads = (aecg_lead(name, row, scale=1) for name, row in ROWS.items())
    return make_aecg(aecg_series(aecg_set(leads)))


def muse() -> bytes:
    said = {"LeadAmplitudeUnitsPerBit": "1,0"}
    return make_muse(muse_waveform(muse_lead(name, ROWS[name], **said) for name in EIGHT_LEADS))


def cardiosoft() -> bytes:
    return make_cardiosoft(ROWS, resolution='<Resolution units="uVperLsb">1</Resolution>')


def philips() -> bytes:
    return make_philips(with_pulse(ROWS, height=1000), resolution=1)


def scp() -> bytes:
    return make_scp(ROWS, nv_per_unit=1000)


SOUND: dict[str, Callable[[], bytes]] = {
    "HL7 aECG": aecg,
    "GE MUSE": muse,
    "GE CardioSoft": cardiosoft,
    "Philips Sierra": philips,
    "SCP-ECG": scp,
}


def file_of(content: Callable[[], bytes]) -> Files:
    """The one file of an upload, made when it is asked for."""
    return lambda: [UploadedFile("Mustermann.bin", content())]


def document(make: Callable[[str], bytes], root: str = "RestingECG") -> Files:
    """A hostile document of this root."""
    return file_of(lambda: make(root))


def lzw_bomb() -> bytes:
    """300 MB behind 650 KB."""
    codes = codes_packed([65, *range(256, 1023)] + [1022] * 500_000)
    chunk = len(codes).to_bytes(4, "little") + bytes(4) + codes
    return make_philips(content=chunk, durationperchannel=500_000, document_encoding="utf-8")


def philips_that_declares_too_much() -> bytes:
    return make_philips(content=b"\1" * 30, durationperchannel="1e30")


def millions_of_samples() -> bytes:
    return make_aecg(aecg_series(aecg_set([aecg_lead("I", ["1 " * 8_000_000])])))


def muse_of_five_leads() -> bytes:
    return make_muse(muse_waveform(muse_leads(("I", "II", "V1", "V2", "V3"))))


def muse_without_units() -> bytes:
    return make_muse(muse_waveform(muse_leads(("I", "II"), LeadAmplitudeUnits=None)))


def scp_of_billions() -> bytes:
    return make_scp(last=0xFFFFFFF0)


def scp_in_circles() -> bytes:
    circle = tables_section([Code("0", 2, is_switch=True)], [Code("0", 1, is_switch=True)])
    body = rhythm_section([bytes(60_000)] * 12)
    return record({2: circle, 3: leads_section([*range(1, 13)], 1, 200_000), 6: body})


def scp_with_a_bit_turned() -> bytes:
    content = bytearray(make_scp())
    content[-1] ^= 1
    return bytes(content)
