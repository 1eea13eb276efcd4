"""Hostile and broken inputs as requests, each with the answer that it deserves."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import httpx

from ecg_core.leads import LEADS
from ecg_core.readers import UploadedFile
from ecg_core.recording import Recording
from tests.e2e import hostile_devices as devices
from tests.e2e import hostile_formats as formats
from tests.e2e.hostile_files import (
    RECORDING,
    Files,
    all_invalid,
    bomb,
    bomb_that_lies,
    cell_replaced,
    cut,
    encrypted,
    flat,
    flipped,
    halved_zip,
    leads_in_lines,
    lengthened,
    linked,
    renamed,
    segments,
    table,
    ten_thousand_spellings,
    with_header,
    zipped,
)
from tests.support import hostile_xml
from tests.support.dicom import SYNTAXES
from tests.support.recordings import edit_header, make_csv, make_wfdb, make_wfdb_zip, make_zip
from tests.support.service import as_upload

QUERIES = ["atrial fibrillation", "LBBB", "no sinus rhythm"]
JSON = {"content-type": "application/json"}

Send = Callable[[httpx.Client], httpx.Response]


@dataclass(frozen=True)
class Row:
    """One input.

    Attributes:
        name: Its name in the table.
        send: Sends it.
        status: Of the answer; 200: served, and right.
        code: One of the fault codes in the answer.
        max_processor_s: What it may cost.
    """

    name: str
    send: Send
    status: int
    code: str | None = None
    max_processor_s: float = 2.0


def diagnose(files: Callable[[], Files], data: dict[str, Any], client: httpx.Client) -> Any:
    return client.post("/diagnose", files=as_upload(files()), data={"queries": QUERIES} | data)


def diagnose_at_once(files: Callable[[], Files], data: dict[str, Any], client: httpx.Client) -> Any:
    """The request with its body in one piece: part by part it may be taken for crumbs first."""
    request = client.build_request("POST", "/diagnose", files=as_upload(files()), data=data)
    headers = {"Content-Type": request.headers["Content-Type"]}
    return client.post("/diagnose", content=request.read(), headers=headers)


def file_row(
    name: str, files: Callable[[], Files], status: int, code: str | None = None, **data: Any
) -> Row:
    return Row(name, partial(diagnose, files, data), status, code)


def query_row(name: str, queries: Any, status: int, code: str | None = None) -> Row:
    return file_row(name, make_wfdb, status, code, queries=queries)


def raw_row(
    name: str, method: str, path: str, status: int, code: str | None = None, **body: Any
) -> Row:
    return Row(name, lambda client: client.request(method, path, **body), status, code)


def header_row(name: str, code: str, *edits: tuple[str, str]) -> Row:
    return file_row(name, lambda: edit_header(make_wfdb(), *edits), 422, code)


BODY = [("signal file is " + name, "malformed_header", ("record.dat", path)) for name, path in (
    ("../..", "../../etc/passwd"), ("absolute", "/etc/passwd"),
    ("a URL", "http://localhost/record.dat"), ("in a bucket", "s3://bucket/record.dat"),
)]  # fmt: skip

WFDB = [
    *(header_row(*row) for row in BODY),
    header_row("signal file is the header", "unsupported_header", ("record.dat", "record.hea")),
    header_row("signal file is another's", "signal_file_mismatch", ("record.dat", "other.mat")),
    header_row("record name is an address", "malformed_header", ("record 12", "s3://b/record 12")),
    file_row("file names are addresses", lambda: renamed("s3://b/record.hea", "x/record.dat"), 200),
    file_row("100,000 segments", with_header(segments(100_000)), 422, "malformed_header"),
    file_row("1,000 segments", with_header(segments(1000)), 422, "unsupported_header"),
    file_row(
        "a segment that names itself", with_header(b"record/1 12 500 5000\nrecord 5000\n"),
        422, "unsupported_header",
    ),
    file_row(
        "a null segment of 1e8 samples",
        with_header(b"record/2 12 500 100005000\n~ 100000000\npart 5000\n"),
        422, "unsupported_header",
    ),
    header_row("1e8 signals", "unsupported_header", ("record 12 ", "record 100000000 ")),
    header_row("1e7 signals", "unsupported_header", ("record 12 ", "record 10000000 ")),
    header_row("no signals", "unsupported_header", ("record 12 ", "record 0 ")),
    header_row("11 signals, 12 lines", "malformed_header", ("record 12 ", "record 11 ")),
    header_row("skew of 3e8", "unsupported_header", (".dat 16 ", ".dat 16:300000000 ")),
    header_row("FLAC", "unsupported_header", (".dat 16 ", ".dat 516 ")),
    header_row("unknown format", "unsupported_header", (".dat 16 ", ".dat 7 ")),
    header_row("length of 4e9", "signal_file_mismatch", (" 500 5000", " 500 4000000000")),
    header_row("length of 1e40", "malformed_header", (" 500 5000", " 500 1" + "0" * 40)),
    header_row("no sampling rate", "missing_sampling_rate", (" 12 500 5000", " 12")),
    *(
        header_row(f"rate {rate}", code, (" 500 ", f" {rate} "))
        for rate, code in (
            ("0", "implausible_sampling_rate"), ("1e-7", "implausible_sampling_rate"),
            ("-500", "implausible_sampling_rate"), ("NaN", "implausible_sampling_rate"),
            ("inf", "implausible_sampling_rate"), ("fast", "malformed_header"),
        )
    ),
    *(
        header_row(f"gain {gain}", "implausible_gain", (" 1000.0(0)/mV", f" {gain}(0)/mV"))
        for gain in ("0", "-200", "1e-300", "1e999", "nan")
    ),
    *(
        header_row(f"units {units}", "unknown_units", ("/mV", f"/{units}"))
        for units in ("V", "mmHg", "NU", "\u00b5")
    ),
    file_row("all samples invalid", all_invalid, 422, "non_finite"),
    file_row("all samples zero", flat, 422, "flat_lead"),
    header_row("duplicate leads", "duplicate_lead", (" V2\n", " V1\n")),
    header_row("a lead name of 1 MB", "malformed_header", (" V2\n", " " + "x" * 1_000_000 + "\n")),
    header_row("a lead name of 10 kB", "missing_lead", (" V2\n", " " + "x" * 10_000 + "\n")),
    file_row(
        "a patient's name in comments",
        lambda: [UploadedFile("record.hea", make_wfdb()[0].content + b"# Mustermann, Erika\n"),
                 make_wfdb()[1]], 200,
    ),
    file_row("empty header", with_header(b""), 422, "malformed_header"),
    file_row("header of comments", with_header(b"# x\n" * 9), 422, "malformed_header"),
    file_row("header of one word", with_header(b"record"), 422, "malformed_header"),
    file_row("header of bytes", with_header(bytes(range(256)) * 20), 422, "malformed_header"),
    file_row(
        "a date that is none",
        lambda: edit_header(make_wfdb(), (" 500 5000", " 500 5000 25:61:61 99/99/9999")), 200,
    ),
    file_row("truncated .dat", lambda: cut(-100), 422, "signal_file_mismatch"),
    file_row("empty .dat", lambda: cut(0), 422, "signal_file_mismatch"),
    file_row("a longer .dat", lengthened, 422, "signal_file_mismatch"),
    file_row("checksum that does not match", flipped, 422, "signal_file_mismatch"),
    file_row("header without .dat", lambda: make_wfdb()[:1], 422, "incomplete_upload"),
    file_row("two pairs", lambda: [*make_wfdb(), *make_wfdb()], 422, "several_recordings"),
]  # fmt: skip

STATED = {"sampling_rate_hz": "500", "units": "mV"}
TIMED = {"time_unit": None, "header": False}
CSV = [
    file_row("50,000 columns of one name", table("I," * 50_000 + "I\n" + "1," * 50_000 + "1\n"),
             422, "malformed_table"),
    file_row("one line of 10 MB", table(b"1," * 5_000_000), 422, "too_long"),
    file_row("10 MB of quotes", table(b'"' * 10_000_000), 422, "malformed_table"),
    file_row("10 MB of newlines", table(b"\n" * 10_000_000), 422, "malformed_table"),
    file_row("10 MB of digits", table(b"1" * 10_000_000), 422, "malformed_table"),
    file_row("1 million rows of one cell", table(b"I (mV)\n" + b"1\n" * 1_000_000), 422,
             "too_long", sampling_rate_hz="500"),
    file_row(".csv.gz of 100 MB", lambda: [UploadedFile("a.csv.gz", gzip.compress(
        bytes(100_000_000), 1))], 415, "unsupported_format"),
    file_row("a gzip that is called .csv", lambda: [UploadedFile("a.csv", gzip.compress(
        bytes(100_000_000), 1))], 422, "malformed_table"),
    *(
        file_row(f"a sample of {cell}", cell_replaced(cell), 422, "non_finite")
        for cell in ("nan", "inf", "1e400", "-Infinity", "")
    ),
    file_row("a sample of text", cell_replaced("Mustermann"), 422, "malformed_table"),
    file_row("a sample of 1e30", cell_replaced("1e30"), 422, "implausible_amplitude"),
    file_row("decimal comma", lambda: make_csv(RECORDING, separator=";", decimal=","), 200),
    file_row("decimal comma among commas", table("I,II\n0,1,0,2\n"), 422, "malformed_table"),
    file_row("header I,I", lambda: make_csv(RECORDING, names=["I", *LEADS[:11]]), 422,
             "duplicate_lead"),
    file_row("microvolts", lambda: make_csv(RECORDING, units="uV"), 200),
    file_row("microvolts that say millivolts", lambda: make_csv(Recording(
        RECORDING.samples_mv * 1000, LEADS, 500.0, "csv")), 422, "implausible_amplitude"),
    file_row("units not said", lambda: make_csv(RECORDING, units=""), 422, "unknown_units"),
    file_row("time in milliseconds", lambda: make_csv(RECORDING, time_unit="ms"), 200),
    file_row("leads in lines", leads_in_lines, 200, **STATED),
    file_row("no header", lambda: make_csv(RECORDING, **TIMED), 422, "unknown_lead", **STATED),
    file_row("no header, order stated", lambda: make_csv(RECORDING, **TIMED), 200,
             lead_order=",".join(LEADS), **STATED),
    file_row("byte order mark", lambda: make_csv(RECORDING, encoding="utf-8-sig"), 200),
    file_row("UTF-16", lambda: make_csv(RECORDING, encoding="utf-16"), 200),
    file_row("UTF-16 cut in half", table(b"\xff\xfeI"), 422, "malformed_table"),
    file_row("CRLF", lambda: make_csv(RECORDING, newline="\r\n"), 200),
    file_row("trailing empty lines",
             lambda: table(make_csv(RECORDING)[0].content + b"\n\r\n\n")(), 200),
    file_row("empty file", table(b""), 422, "malformed_table"),
    file_row("a stated rate of NaN", make_csv, 422, "invalid_parameter", sampling_rate_hz="nan"),
    file_row("a stated rate of 1e309", make_csv, 422, "invalid_parameter",
             sampling_rate_hz="1e309"),
]  # fmt: skip

ARCHIVES = [
    file_row("zip bomb", bomb, 413, "archive_refused"),
    file_row("zip bomb that lies about its size", bomb_that_lies, 422, "archive_refused"),
    file_row("zip in zip", lambda: zipped(**{"a.zip": make_wfdb_zip().content}), 422,
             "archive_refused"),
    file_row("members ../", lambda: zipped(**{"../../a.hea": b"x"}), 422, "archive_refused"),
    file_row("members with drive letters", lambda: zipped(**{"C:\\a.hea": b"x"}), 422,
             "archive_refused"),
    file_row("a link as .dat", linked, 422, "archive_refused"),
    file_row("encrypted", encrypted, 422, "archive_refused"),
    file_row("two recordings in one zip", lambda: zipped(**{"b.hea": b"x"}), 422,
             "several_recordings"),
    file_row("10,000 members", lambda: [make_zip({f"{n}.csv": b"" for n in range(10_000)})], 422,
             "archive_refused"),
    file_row("zip cut in half", halved_zip,
             422, "archive_refused"),
    file_row("empty zip", lambda: [make_zip({})], 422, "incomplete_upload"),
    file_row("a zip as it should be", lambda: [make_wfdb_zip()], 200),
]  # fmt: skip

FORM = [
    file_row("a file of 33 MB", table(b"1,2\n" * 9_000_000), 413),
    file_row("a form field of 2 MB", make_wfdb, 422, "invalid_parameter", units="m" * 2_000_000),
    Row("30,000 parts", partial(diagnose_at_once, make_wfdb, {"queries": ["a"] * 30_000}), 413),
    file_row("9 files", lambda: make_wfdb() * 5, 422, "invalid_parameter"),
    file_row("a file name of 100 kB", lambda: renamed("a" * 100_000 + ".hea", "b.dat"), 400),
    file_row("a file name with control characters",
             lambda: renamed("a\x00\r\n\u202e.hea", "\x1b[2J.dat"), 200),
    file_row("an executable", table(b"MZ", "a.exe"), 415, "unsupported_format"),
    raw_row("no recording", "POST", "/diagnose", 422, "invalid_parameter",
            files=[("queries", (None, b"LBBB"))]),
    raw_row("no form", "POST", "/diagnose", 415, json={"queries": QUERIES}),
    raw_row("no boundary", "POST", "/diagnose", 400, content=b"x",
            headers={"content-type": "multipart/form-data"}),
    raw_row("a boundary that never comes", "POST", "/diagnose", 400, content=b"x" * 1_000_000,
            headers={"content-type": "multipart/form-data; boundary=line"}),
    raw_row("a form without an end", "POST", "/diagnose", 400,
            content=b'--line\r\nContent-Disposition: form-data; name="a"\r\n\r\nx',
            headers={"content-type": "multipart/form-data; boundary=line"}),
    raw_row("10 MB of part headers", "POST", "/diagnose", 400,
            content=b"--line\r\n" + b"A: b\r\n" * 1_700_000,
            headers={"content-type": "multipart/form-data; boundary=line"}),
    raw_row("a gzipped form", "POST", "/diagnose", 400, content=gzip.compress(b"--line\r\n"),
            headers={"content-type": "multipart/form-data; boundary=line",
                     "content-encoding": "gzip"}),
]  # fmt: skip

ASKED = [
    # Served, not refused: so many findings take their time.
    replace(query_row("10,000 queries", ten_thousand_spellings(), 200), max_processor_s=6.0),
    query_row("10,001 queries", ["LBBB"] * 10_001, 422, "too_many_queries"),
    query_row("a query of 1 MB", ["x" * 1_000_000], 422, "query_too_long"),
    query_row("a query of 1 MB of accents", ["e" + "\u0301" * 500_000], 422, "query_too_long"),
    query_row("an empty query", ["LBBB", ""], 422, "empty_query"),
    query_row("a query of blanks", [" \t\u2003"], 422, "empty_query"),
    query_row("the same query twice", [*QUERIES, *QUERIES], 200),
    query_row("a control character", ["LBBB\x00"], 422, "query_control_characters"),
    query_row("a line break", ["LBBB\r\nSet-Cookie: a=b"], 422, "query_control_characters"),
    query_row("a change of direction", ["atrial \u202efibrillation"], 422,
              "query_control_characters"),
    query_row("invisible characters", ["no\u200bLBBB"], 422, "query_control_characters"),
    query_row("a lone surrogate", b"LBBB \xed\xa0\x80", 400),
    query_row("an unclear denial", ["neither AF nor no flutter"], 422, "query_negation_unclear"),
    query_row("Chinese", ["\u5fc3\u623f\u98a4\u52a8"], 422, "query_not_understood"),
    query_row("Cyrillic that looks Latin", ["\u0410F"], 422, "query_not_understood"),
    query_row("SQL", ["'; DROP TABLE conditions; --"], 422, "query_negation_unclear"),
]  # fmt: skip

REST = [
    *(
        raw_row(f"JSON with {what}", "POST", "/queries", status, code, content=body, headers=JSON)
        for what, body, status, code in (
            ("NaN", '{"text": NaN}', 400, None),
            ("Infinity", '{"text": Infinity}', 400, None),
            ("1e309", '{"text": 1e309}', 400, None),
            ("a number of 100,000 digits", '{"text": ' + "1" * 100_000 + "}", 400, None),
            ("a name twice", '{"text": "a", "text": "b"}', 400, None),
            ("100,000 brackets", "[" * 100_000, 400, None),
            ("no UTF-8", b'{"text": "\xff"}', 400, None),
            ("half a surrogate", '{"text": "\\ud800 T wave"}', 422, "invalid_parameter"),
            ("300 kB", '{"text": "' + "x" * 300_000 + '"}', 413, None),
            ("a list", "[]", 422, "invalid_parameter"),
            ("an unknown field", '{"text": "tall wave", "admin": true}', 422, "invalid_parameter"),
            ("NUL", '{"text": "tall\\u0000 wave"}', 422, "query_control_characters"),
        )
    ),
    raw_row("an id of bytes", "GET", "/queries/%00%ff", 404),
    raw_row("an id that leads out", "GET", "/queries/..%2f..%2fetc%2fpasswd", 404),
    raw_row("a cursor of rubbish", "GET", "/queries?cursor=%ff", 422, "invalid_parameter"),
    raw_row("a cursor of 100 kB", "GET", "/queries?cursor=" + "a" * 50_000, 422,
            "invalid_parameter"),
    raw_row("a method that is none", "BREW", "/diagnose", 405),
    raw_row("a path that is none", "GET", "/" + "x" * 10_000, 404),
]  # fmt: skip

FORMATS = [
    *(file_row(f"DICOM, {s}", formats.dicom(s), 200) for s in SYNTAXES),
    file_row("DICOM that inflates to 600 MB", formats.dicom_bomb, 413, "too_long"),
    file_row("DICOM, 5,000 sequences deep", formats.dicom_nested, 422, "malformed_file"),
    file_row("DICOM, 5,000 deep, lengths defined", formats.dicom_nested_in_defined_lengths, 422,
             "malformed_file"),
    file_row("DICOM of 1.5 million elements", formats.dicom_of_elements, 422, "malformed_file"),
    file_row("DICOM of 700,000 items", formats.dicom_of_items, 422, "malformed_file"),
    file_row("DICOM, length 0xFFFFFFF0", formats.dicom_that_declares_too_much, 422,
             "malformed_file"),
    file_row("DICOM of four strips", formats.dicom_of_strips, 422, "leads_not_simultaneous"),
    file_row("DICOM, ambulatory", formats.ambulatory, 422, "unsupported_content"),
    file_row("EDF+C", formats.edf, 200),
    file_row("EDF of 4 TiB", formats.edf_of_terabytes, 422, "malformed_file"),
    file_row("EDF+D", formats.edf_with_gaps, 422, "unsupported_content"),
    file_row("EDF, digital range empty", formats.edf_without_a_range, 422, "implausible_gain"),
]  # fmt: skip

DEVICES = [
    *(file_row(name, devices.file_of(make), 200) for name, make in devices.SOUND.items()),
    *(file_row(f"XML, {make.__name__}", devices.document(make), 422, "unsupported_content")
      for make in (hostile_xml.nested, hostile_xml.wide, hostile_xml.laughing,
                   hostile_xml.quadratic, hostile_xml.defaulted, hostile_xml.reading_a_file,
                   hostile_xml.spread_attributes)),
    file_row("XML, multiplied namespace", devices.document(hostile_xml.multiplied_namespace), 422,
             "malformed_file"),
    file_row("XML of something else", devices.document(hostile_xml.wide, "svg"), 415,
             "unsupported_format"),
    file_row("Philips, LZW bomb", devices.file_of(devices.lzw_bomb), 422, "malformed_file"),
    file_row("Philips, 1e30 ms", devices.file_of(devices.philips_that_declares_too_much), 422,
             "too_long"),
    file_row("aECG, a lead of 8 million samples", devices.file_of(devices.millions_of_samples),
             422, "malformed_file"),
    file_row("MUSE without units", devices.file_of(devices.muse_without_units), 422,
             "unknown_units"),
    file_row("MUSE of five leads", devices.file_of(devices.muse_of_five_leads), 422,
             "missing_lead"),
    file_row("SCP-ECG of 4e9 samples", devices.file_of(devices.scp_of_billions), 422, "too_long"),
    file_row("SCP-ECG, tables in circles", devices.file_of(devices.scp_in_circles), 422,
             "malformed_file"),
    file_row("SCP-ECG, a bit turned", devices.file_of(devices.scp_with_a_bit_turned), 422,
             "malformed_file"),
]  # fmt: skip

ROWS = [*WFDB, *CSV, *FORMATS, *DEVICES, *ARCHIVES, *FORM, *ASKED, *REST]
