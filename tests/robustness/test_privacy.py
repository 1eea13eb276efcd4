"""What a patient's request leaves behind in the whole process, with every log line there is.

Each place of a request holds a mark of its own. None may come back in an error, a header, a log
line or a metric; the text of a query comes back in its finding, to the one who asked.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest

from ecg_core.readers import UploadedFile
from tests.support.recordings import make_csv, make_recording, make_wfdb, make_zip
from tests.support.server import Server, running
from tests.support.service import as_upload
from tests.support.sockets import PART, answer

MARKS = {
    "file name": "qzfilename",
    "folder": "qzfolder",
    "header comment": "qzcomment",
    "record name": "qzrecord",
    "signal name": "qzsignal",
    "column": "qzcolumn",
    "cell": "qzcell",
    "sample": "0.271828",
    "query": "qzquery",
    "field": "qzfield",
    "value": "qzvalue",
    "path": "qzpath",
    "query string": "qzstring",
    "header": "qzheader",
    "cookie": "qzcookie",
    "key": "qzkey",
    "agent": "qzagent",
    "user": "qzuser",
    "boundary": "qzboundary",
    "rubbish": "qzrubbish",
    "JSON": "qzjson",
    "state": "qzstate",
}
HEADERS = {
    "Authorization": f"Bearer {MARKS['key']}",
    "X-API-Key": MARKS["key"],
    "Idempotency-Key": MARKS["key"],
    "Cookie": f"patient={MARKS['cookie']}",
    "User-Agent": MARKS["agent"],
    "X-Patient": MARKS["header"],
    "X-Request-ID": f"{MARKS['header']} with blanks is none of ours",
    "Referer": f"http://localhost/{MARKS['header']}",
    "tracestate": f"vendor={MARKS['state']}",
    "baggage": f"patient={MARKS['state']}",
}
FORWARDED = {"X-Forwarded-For": MARKS["header"], "Forwarded": f"for={MARKS['header']}"}
URL = f"?patient={MARKS['query string']}"


@dataclass
class Answers:
    """All that came back, in text."""

    texts: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)

    def take(self, response: httpx.Response) -> None:
        self.statuses.add(response.status_code)
        self.texts += [response.text, str(response.headers)]


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("privacy")
    options = {
        "store_path": folder / "conditions.sqlite3",
        "log_level": "debug",
        "workers": request.param,
        "upload_timeout_s": 1.0,
        "head_timeout_s": 1.0,
    }
    with running(folder / "log", options) as made:
        yield made


def pair() -> list[UploadedFile]:
    """A sound pair that names the patient wherever a pair can."""
    header, signal = make_wfdb()
    text = header.content.decode().replace("record", MARKS["record name"])
    text += f"# {MARKS['header comment']}\n"
    return [
        UploadedFile(f"{MARKS['folder']}/{MARKS['file name']}.hea", text.encode()),
        UploadedFile(f"{MARKS['file name']}.dat", signal.content),
    ]


def broken_pair() -> list[UploadedFile]:
    header, signal = pair()
    text = header.content.replace(b" V2\n", f" {MARKS['signal name']}\n".encode())
    return [UploadedFile(header.name, text + b"x\n"), signal]


def table(*, broken: bool) -> list[UploadedFile]:
    content = make_csv(make_recording())[0].content.decode()
    lines = content.replace("V6 (mV)", f"V6 (mV),{MARKS['column']}").split("\n")
    lines[1:-1] = [f"{line},{MARKS['sample']}" for line in lines[1:-1]]
    if broken:
        lines[50] = lines[50].replace(MARKS["sample"], MARKS["cell"])
    comment = f"# {MARKS['header comment']}\n"
    return [UploadedFile(f"{MARKS['file name']}.csv", (comment + "\n".join(lines)).encode())]


def archive() -> list[UploadedFile]:
    members = {f"{MARKS['folder']}/{file.name}": file.content for file in pair()}
    return [make_zip(members | {f"{MARKS['file name']}.exe": b""})]


ASKED = f"{MARKS['query']} wave"
FORMS: list[tuple[str, Any, dict[str, Any]]] = [
    ("a good pair", pair(), {"queries": ["broad notched wave"]}),
    ("a good pair and a query of the patient", pair(), {"queries": [f"no {ASKED}", ASKED]}),
    ("a good table", table(broken=False), {"queries": ["LBBB"]}),
    ("a broken pair", broken_pair(), {"queries": [ASKED]}),
    ("a broken table", table(broken=True), {"queries": [ASKED]}),
    ("an archive", archive(), {}),
    ("no recording", [UploadedFile(f"{MARKS['file name']}.pdf", b"%PDF")], {"queries": [ASKED]}),
    ("queries", pair(), {"queries": [f"{ASKED}\x00", f"neither {ASKED} nor AF", ASKED * 99]}),
    ("fields", pair(), {MARKS["field"]: MARKS["value"], "units": MARKS["value"],
                        "top_k": MARKS["value"], "sampling_rate_hz": MARKS["value"],
                        "lead_order": MARKS["value"], "allow_missing_leads": MARKS["value"]}),
]  # fmt: skip
BODIES: list[tuple[str, dict[str, Any]]] = [
    ("POST", {"json": {"text": f"no {MARKS['JSON']}", "name": MARKS["JSON"]}}),
    ("POST", {"json": {"text": [MARKS["JSON"]], MARKS["JSON"]: 1}}),
    ("POST", {"content": f'{{"text": {MARKS["JSON"]}',
              "headers": {"content-type": "application/json"}}),
    ("POST", {"content": MARKS["rubbish"], "headers": {"content-type": MARKS["rubbish"]}}),
    ("POST", {"content": gzip.compress(b"x"), "headers": {
        "content-type": f"multipart/form-data; boundary={MARKS['boundary']}"}}),
    (MARKS["rubbish"].upper(), {}),
]  # fmt: skip


def send_everything(server: Server, answers: Answers) -> None:
    with httpx.Client(base_url=server.url, timeout=60, headers=HEADERS) as client:
        for path, url in product(("/diagnose", "/diagnose/batch"), ("", URL)):
            for name, files, data in FORMS:
                response = client.post(path + url, files=as_upload(files), data=data)
                if response.status_code == 200 and path == "/diagnose":
                    check_findings(response, data, name)
                    answers.statuses.add(200)
                elif response.status_code != 200:
                    answers.take(response)
        for method, options in BODIES:
            for path in ("/queries", "/diagnose"):
                answers.take(client.request(method, path + URL, **options))
        for path in (f"/{MARKS['path']}", f"/queries/{MARKS['path']}", "/queries?cursor="):
            answers.take(client.get(path + MARKS["query string"]))
            answers.take(client.delete(path + MARKS["query string"]))
        answers.take(client.get("/model", headers=FORWARDED))
        answers.take(client.get("/metrics"))


def check_findings(response: httpx.Response, data: dict[str, Any], name: str) -> None:
    """The query comes back to the one who asked, and nothing else does."""
    answer = response.json()
    for part in (*answer["findings"], *answer["warnings"]):
        assert part.pop("query") in (*data["queries"], None), name
    assert held(str(answer)) == [], name


def send_what_is_no_request(server: Server, answers: Answers) -> None:
    head = f"POST /{MARKS['path']} HTTP/1.1\r\nHost: x\r\nX: {MARKS['header']}\r\n".encode()
    for raw in (
        MARKS["rubbish"].encode() + b"\r\n\r\n",
        head,
        head + b"Transfer-Encoding: chunked\r\n\r\n" + MARKS["rubbish"].encode() + b"\r\n",
        head.replace(f"/{MARKS['path']}".encode(), b"/diagnose")
        + b"Content-Type: multipart/form-data; boundary=line\r\nContent-Length: 9999\r\n\r\n"
        + PART.replace(b"a.csv", MARKS["file name"].encode()),
    ):
        with server.connect() as connection:
            connection.sendall(raw)
            status, problem = answer(connection)
            answers.statuses.add(status)
            answers.texts.append(str(problem))


def held(text: str) -> list[str]:
    """The places of which a text gives something away."""
    folded = text.casefold()
    return [place for place, mark in MARKS.items() if mark in folded]


def test_nothing_of_a_patient_is_left_behind(server: Server) -> None:
    answers = Answers()
    send_everything(server, answers)
    send_what_is_no_request(server, answers)
    assert {200, 400, 404, 405, 408, 415, 422} <= answers.statuses
    assert held("\n".join(answers.texts)) == []
    server.stop()
    log = server.log.read_text()
    assert '"route": "/diagnose"' in log
    assert held(log) == []


def test_nothing_but_registered_conditions_is_on_the_disk(server: Server) -> None:
    folder = Path(server.log).parent
    for path in folder.rglob("*"):
        if path.is_file():
            assert held(path.read_bytes().decode("latin-1")) == [], path.name


def test_every_mark_would_be_seen() -> None:
    assert held(" ".join(MARKS.values())) == list(MARKS)
