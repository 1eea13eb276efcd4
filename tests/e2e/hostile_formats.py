"""Hostile files of the formats that their bytes tell, and sound ones beside them."""

from collections.abc import Callable

from tests.e2e.hostile_files import RECORDING, Files
from tests.support.dicom import inflating, make_dicom, make_group, nested, sized, with_waveforms
from tests.support.edf import make_edf
from tests.support.recordings import make_recording

ITEM, SEQUENCE, ELEMENT = b"\xfe\xff\0\xe0", b"\0T\0\1SQ\0\0", b"\x08\0\x18\0UI\0\0"


def dicom(syntax: str) -> Callable[[], Files]:
    group = make_group(RECORDING, big_endian=syntax == "big endian")
    return lambda: [make_dicom(group, syntax=syntax)]


def edf() -> Files:
    return [make_edf(RECORDING, kind="EDF+C", annotations=True)]


def dicom_bomb() -> Files:
    return [inflating(600_000_000)]


def dicom_nested() -> Files:
    return [nested(5000)]


def dicom_nested_in_defined_lengths() -> Files:
    return [nested(5000, defined=True)]


def dicom_of_elements() -> Files:
    return [with_waveforms(SEQUENCE + sized(ITEM + sized(ELEMENT * 1_500_000)))]


def dicom_of_items() -> Files:
    return [with_waveforms(SEQUENCE + sized((ITEM + sized(ELEMENT)) * 700_000))]


def dicom_that_declares_too_much() -> Files:
    return [with_waveforms(SEQUENCE + b"\xf0\xff\xff\xff" + bytes(64))]


def dicom_of_strips() -> Files:
    strips = [
        make_group(
            make_recording(leads=RECORDING.leads[start : start + 3], duration_s=2.5),
            MultiplexGroupTimeOffset=str(2500 * start // 3),
        )
        for start in range(0, 12, 3)
    ]
    return [make_dicom(*strips)]


def ambulatory() -> Files:
    return [make_dicom(sop_class="1.2.840.10008.5.1.4.1.1.9.1.3")]


def edf_of_terabytes() -> Files:
    return [make_edf(columns={8: "99999999"}, fixed={236: "22000   "})]


def edf_with_gaps() -> Files:
    return [make_edf(kind="EDF+D", annotations=True)]


def edf_without_a_range() -> Files:
    return [make_edf(columns={5: "0", 6: "0"})]
