import asyncio

import pytest

from api_schemas import NewCondition
from ecg_core.checkpoint import no_checkpoint
from ecg_core.errors import FaultCode, InputError
from ecg_core.readers import UploadedFile
from service.api.answers.batch_response import answer_each
from service.engine.batch import BatchBounds, open_batch
from service.engine.diagnosis import Question
from service.storage.sqlite import SqliteStore
from tests.support.recordings import make_wfdb
from tests.support.service import make_engine, make_registry, make_resolver

pytestmark = pytest.mark.anyio

BOUNDS = BatchBounds(max_recordings=3, max_bytes=1_000_000)


def two_recordings() -> tuple[UploadedFile, ...]:
    return tuple(
        UploadedFile(f"{folder}/{file.name}", file.content)
        for folder in "ab"
        for file in make_wfdb()
    )


def test_each_recording_is_scored_as_if_alone() -> None:
    engine = make_engine()
    batch = open_batch(two_recordings(), Question(("LBBB", "AFib")), engine, BOUNDS)
    alone = engine.diagnose(tuple(make_wfdb()), Question(("LBBB", "AFib")))
    for index in range(2):
        found = batch.diagnose(engine, index, no_checkpoint)
        assert [(f.query.text, f.probability) for f in found.findings] == [
            (f.query.text, f.probability) for f in alone.findings
        ]


def test_queries_mean_the_same_for_all_whatever_is_registered_meanwhile(store: SqliteStore) -> None:
    registry = make_registry(store)
    engine = make_engine(resolver=make_resolver(registry))
    registry.add(NewCondition(text="one wave", name="one"), "one wave")
    batch = open_batch(two_recordings(), Question(), engine, BOUNDS)
    registry.add(NewCondition(text="other wave", name="other"), "other wave")
    assert [f.query.text for f in batch.diagnose(engine, 0, no_checkpoint).findings] == ["one"]


def test_every_fault_of_the_whole_is_told_at_once() -> None:
    files = tuple(UploadedFile(f"{n}.csv", b"") for n in range(4))
    with pytest.raises(InputError) as caught:
        open_batch(files, Question(("",)), make_engine(), BOUNDS)
    assert [fault.code for fault in caught.value.faults] == [
        FaultCode.TOO_MANY_RECORDINGS,
        FaultCode.EMPTY_QUERY,
    ]


async def test_no_more_are_answered_ahead_than_are_taken() -> None:
    begun: list[int] = []

    taken = asyncio.Semaphore(0)

    async def answer(index: int) -> int:
        begun.append(index)
        return index

    async def emit(_: int) -> None:
        await taken.acquire()

    task = asyncio.create_task(answer_each(10, 2, answer, emit))
    for _ in range(20):
        await asyncio.sleep(0)
    assert begun == [0, 1]
    for _ in range(10):
        taken.release()
    await task
    assert sorted(begun) == list(range(10))


async def test_an_answer_that_cannot_be_handed_over_ends_all() -> None:
    begun: list[int] = []

    async def answer(index: int) -> int:
        begun.append(index)
        return index

    async def emit(_: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        await answer_each(10, 1, answer, emit)
    assert begun == [0]
