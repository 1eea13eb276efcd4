"""What a request held is let go with it, not when the garbage collector comes by.

The budget of uploads counts a file as gone once its request is over. One that hangs in a circle of
an error, its frames and what they hold would stay in memory, uncounted, for minutes.
"""

import gc
from collections.abc import Iterator

import pytest

from ecg_core.readers import UploadedFile
from service.engine.deadline import Deadline
from tests.support.clients import ClientMaker, load_with_gate
from tests.support.recordings import make_wfdb
from tests.support.service import Gate, as_upload

BROKEN = [UploadedFile("a.csv", b"I,II\n1,x\n" * 1000)]


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def files_held() -> int:
    # Not isinstance(): it asks every object alive for its __class__, and some warn of being asked.
    return sum(type(each) is UploadedFile for each in gc.get_objects())


def wait_until_let_go(before: int) -> None:
    """A thread lets go of its work a moment after its answer."""
    until = Deadline(20)
    while files_held() > before:
        until.check()


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("path", ["/diagnose", "/diagnose/batch"])
@pytest.mark.parametrize(
    ("files", "data"),
    [(make_wfdb(), {}), (BROKEN, {}), (make_wfdb(), {"top_k": "x"})],
    ids=["answered", "recording refused", "field refused"],
)
def test_files_are_let_go_with_their_request(
    make_client: ClientMaker, path: str, files: list[UploadedFile], data: dict[str, str]
) -> None:
    client = make_client()
    before = files_held()
    client.post(path, files=as_upload(files), data={"queries": ["AFib"], **data})
    wait_until_let_go(before)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("path", ["/diagnose", "/diagnose/batch"])
def test_files_are_let_go_when_the_time_was_up_and_the_work_has_ended(
    make_client: ClientMaker, path: str
) -> None:
    gate = Gate()
    times = {"request_deadline_s": 0.3, "batch_deadline_s": 0.3}
    client = make_client(load_with_gate(gate), **times)
    before = files_held()
    try:
        answer = client.post(path, files=as_upload(make_wfdb()), data={"queries": ["AFib"]})
    finally:
        gate.open()
    assert "deadline-exceeded" in answer.text
    wait_until_let_go(before)
