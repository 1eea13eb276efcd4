"""Writes the seeds of the corpus: small, synthetic, each a different way into a reader.

Run it after a reader has learnt something new: `python -m tests.fuzz.seeds`.
"""

from collections.abc import Mapping
from zipfile import ZIP_STORED

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from tests.fuzz.format_seeds import format_seeds
from tests.fuzz.run import CORPUS
from tests.fuzz.targets import MARK
from tests.support.dicom import SYNTAXES, make_dicom, make_group
from tests.support.edf import make_edf
from tests.support.recordings import make_csv, make_recording, make_wfdb, make_wfdb_zip, make_zip

TINY = make_recording(leads=("I", "II"), duration_s=0.1, sampling_rate_hz=100)
# The shortest that the quality check lets through, so that what follows it is fuzzed as well.
SHORT = make_recording(leads=("I", "II", "V1"), duration_s=2.6, sampling_rate_hz=50)

UNCHECKED = b"r 3 50 130\n" + b"".join(
    b"r.dat 16 1000/mV 16 0 0 0 0 %b\n" % lead for lead in (b"I", b"II", b"V1")
)
FORM = (
    b"--line\r\n"
    b'Content-Disposition: form-data; name="recording"; filename="a.csv"\r\n'
    b"Content-Type: text/csv\r\n\r\nI,II\n1,2\n\r\n--line\r\n"
    b'Content-Disposition: form-data; name="queries"\r\n\r\nLBBB\r\n--line\r\n'
    b'Content-Disposition: form-data; name="sampling_rate_hz"\r\n\r\n500\r\n--line\r\n'
    b'Content-Disposition: form-data; name="lead_order"\r\n\r\nI,II,V1\r\n--line\r\n'
    b'Content-Disposition: form-data; name="units"\r\n\r\nuV\r\n--line\r\n'
    b'Content-Disposition: form-data; name="top_k"\r\n\r\n3\r\n--line\r\n'
    b'Content-Disposition: form-data; name="allow_missing_leads"\r\n\r\ntrue\r\n--line--\r\n'
)
QUERIES = {
    "name": "atrial fibrillation",
    "abbreviation": "LBBB",
    "german": "kein Vorhofflimmern",
    "negated": "no evidence of acute inferior STEMI",
    "doubt": "rule out hyperkalaemia?",
    "listed": "neither AF nor flutter, without ST elevation",
    "absent": "absent R-wave progression",
    "composed": "Schenkelblo\u0308cke n\u0303 \u00b5V \u2264 \u200b",
    "other_script": "\u5fc3\u623f\u98a4\u52a8",
    "negated_unknown": "no basal distal focal septal slow strain",
    "negated_twice": "no left early subtle right severe strain without any slow wide wave",
    "prefix": "non-ST-elevation, nonspecific, a-typical",
}


def pair(files: list[UploadedFile]) -> bytes:
    """A header and its signal file, as the target takes them."""
    return files[0].content + MARK + files[1].content


def headers() -> dict[str, bytes]:
    """Headers of every format, and spellings that only headers from the wild have."""
    formats = ("16", "212", "80", "24", "32")
    made = {f"format_{f}": make_wfdb(TINY, storage_format=f)[0].content for f in formats}
    made["challenge"] = make_wfdb(TINY, matlab=True)[0].content
    made["no_length"] = b"r 1 100\nr.dat 16 1000/mV 16 0 0 0 0 I\n"
    made["date_and_comment"] = b"r 1 100/1(0) 20 12:00:00 1/1/2000\n# x\nr.dat 16 200 I\n"
    made["several_segments"] = b"r/2 1 100 20\na 10\nb 10\n"
    made["extended"] = b"r 1 100 20\nr.dat 16x2:3+24 1e3(-5)/uV 12 2048 0 0 0 MLII\n"
    return made


def tables() -> dict[str, bytes]:
    """Tables in the ways in which they are written."""
    plain = make_csv(TINY)[0].content
    short = make_csv(SHORT)[0].content
    lines = [",".join([lead, *("0.1", "0.2", "-0.3") * 4]) for lead in LEADS]
    counts = [",".join([lead, *["1"] * 60]) for lead in LEADS]
    return {
        "seconds": b"\0" + plain,
        "scored": b"\0" + short,
        "microvolts": b"\0" + make_csv(TINY, units="uV", time_unit="ms")[0].content,
        "decimal_comma": b"\0" + make_csv(TINY, separator=";", decimal=",")[0].content,
        "tabs_crlf": b"\0" + make_csv(TINY, separator="\t", newline="\r\n")[0].content,
        "utf_16": b"\0" + make_csv(TINY, encoding="utf-16")[0].content,
        "counter": b"\1" + make_csv(TINY, counter=True, time_unit=None)[0].content,
        "stated": b"\4" + make_csv(TINY, header=False, time_unit=None)[0].content,
        "leads_in_lines": b"\3" + "\n".join(lines).encode(),
        "integers_in_lines": b"\3" + ",\n".join(counts).encode() + b",",
        "integers_and_a_gap": b"\3" + "\n".join(counts[:2]).encode() + b",NA",
        "integer_rows": b"\4" + "\n".join([",".join(["7"] * 12)] * 60).encode(),
        "savetxt": b"\1# I (mV),II (mV)\n1e-1,2e-1\n3e-1,nan\n",
        "physionet": b"\0'Elapsed time','I','II'\n'seconds','mV','mV'\n0,1,2\n0.01,,3\n",
        "quoted": b'\1"I (mV)";"II (mV)"\n"1";"2"\n\n',
    }


def archives() -> dict[str, bytes]:
    """Archives of what the other targets read."""
    stored = {file.name: file.content for file in make_wfdb(TINY)}
    return {
        "pair": make_wfdb_zip(make_wfdb(TINY)).content,
        "stored": make_zip(stored, compression=ZIP_STORED).content,
        "table": make_zip({"a/b.csv": make_csv(TINY)[0].content}).content,
        "mac": make_zip(stored | {"__MACOSX/._r": b"x", "d/": b""}).content,
        "link_out": make_zip({"../a.hea": b"x", "a.zip": b"PK", "a.exe": b""}).content,
        "empty": make_zip({}).content,
    }


def dicom_files() -> dict[str, bytes]:
    """DICOM in its transfer syntaxes, with and without what exporters add."""
    made = {
        syntax.replace(" ", "_"): make_dicom(
            make_group(SHORT, big_endian=syntax == "big endian"), syntax=syntax
        )
        for syntax in SYNTAXES
    }
    median = make_group(TINY, label="MEDIAN BEAT", originality="DERIVED")
    made["median"] = make_dicom(median, make_group(SHORT, label="RHYTHM"), PatientAge="011Y")
    made["bare"] = make_dicom(make_group(SHORT, scheme="SCPECG", padding=0), preamble=False)
    made["bytes"] = make_dicom(make_group(SHORT, bits=8, signed=False, sensitivity=20))
    made["joined"] = make_dicom(
        *(
            make_group(make_recording(leads=leads, duration_s=6, sampling_rate_hz=50), names=names)
            for leads, names in ((("I", "II"), ("I", "II")), (("V1", "V2"), ("V1", "V3R")))
        ),
        MedicalAlerts="pacemaker",
    )
    return {name: file.content for name, file in made.items()}


def edf_files() -> dict[str, bytes]:
    """EDF and EDF+C."""
    made = {
        "plain": make_edf(SHORT, record_s=0.2),
        "plus": make_edf(SHORT, record_s=0.2, kind="EDF+C", annotations=True),
        "child": make_edf(SHORT, kind="EDF+C", patient="X F 01-MAY-2015 X pacemaker"),
        "interrupted": make_edf(TINY, record_s=0.1, kind="EDF+D", annotations=True),
        "offset": make_edf(SHORT, digital=(-2048, 2047), offset=1300.0, record_s=0.2),
        "unfilled": make_edf(SHORT, unit="mV", step=0.0025, fixed={236: "-1      "}),
    }
    return {name: file.content for name, file in made.items()}


def forms() -> dict[str, bytes]:
    """Forms, whole and not."""
    return {
        "whole": b"\0" + FORM,
        "no_end": b"\2" + FORM[:-8],
        "preamble": b"\1rubbish\r\n" + FORM,
        "star": b"\3" + FORM.replace(b'name="queries"', b"name*=utf-8''queries"),
        "folded": b"\4" + FORM.replace(b"; name", b";\r\n name"),
    }


def conditions() -> dict[str, bytes]:
    """JSON bodies."""
    return {
        "whole": b'{"text": "tall T waves", "name": "T", "synonyms": ["a"],'
        b' "codes": [{"system": "s", "code": "1"}]}',
        "nan": b'{"text": NaN, "x": 1e999}',
        "twice": b'{"text": "a", "text": "\\ud800"}',
        "nested": b"[[[[{}]]]]",
    }


def seeds() -> Mapping[str, Mapping[str, bytes]]:
    """All seeds: target, name, bytes."""
    pairs = {f"format_{f}": pair(make_wfdb(TINY, storage_format=f)) for f in ("16", "212", "24")}
    pairs |= {
        "scored": pair(make_wfdb(SHORT)),
        # Without a checksum, other samples are as good.
        "unchecked": UNCHECKED + MARK + make_wfdb(SHORT)[1].content,
        "challenge": pair(make_wfdb(TINY, matlab=True)),
    }
    return {
        "wfdb_header": headers(),
        "wfdb_pair": pairs,
        "csv_table": tables(),
        "zip_archive": archives(),
        **format_seeds(),
        "dicom_file": dicom_files(),
        "edf_file": edf_files(),
        "multipart_body": forms(),
        "query_text": {name: text.encode() for name, text in QUERIES.items()},
        "json_body": conditions(),
    }


def main() -> None:
    """Write them all."""
    for target, named in seeds().items():
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in named.items():
            (folder / f"seed-{name}.bin").write_bytes(content)


if __name__ == "__main__":
    main()
