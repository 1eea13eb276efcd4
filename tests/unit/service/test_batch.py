import asyncio

import pytest

from ecg_core.errors import FaultCode, InputError
from ecg_core.readers import UploadedFile
from service.batch import BatchBounds, answer_each, open_batch
from service.deadline import no_checkpoint
from service.diagnosis import DiagnosisRequest
from service.queries.registry import Registration
from tests.builders import make_wfdb
from tests.service_fixtures import make_engine, make_registry, make_resolver, text_vector

BOUNDS = BatchBounds(max_recordings=3, max_bytes=1_000_000)


def two_recordings() -> tuple[UploadedFile, ...]:
    return tuple(
        UploadedFile(f"{folder}/{file.name}", file.content)
        for folder in "ab"
        for file in make_wfdb()
    )


def test_each_recording_is_scored_as_if_alone() -> None:
    engine = make_engine()
    batch = open_batch(DiagnosisRequest(two_recordings(), ("LBBB", "AFib")), engine, BOUNDS)
    alone = engine.diagnose(DiagnosisRequest(tuple(make_wfdb()), ("LBBB", "AFib")))
    for index in range(2):
        found = batch.diagnose(engine, index, no_checkpoint)
        assert [(f.query.text, f.probability) for f in found.findings] == [
            (f.query.text, f.probability) for f in alone.findings
        ]


def test_queries_mean_the_same_for_all_whatever_is_registered_meanwhile() -> None:
    registry = make_registry(embed=text_vector)
    engine = make_engine(resolver=make_resolver(registry))
    registry.add(Registration("one wave", "one wave", "one"))
    batch = open_batch(DiagnosisRequest(two_recordings()), engine, BOUNDS)
    registry.add(Registration("other wave", "other wave", "other"))
    assert [f.query.text for f in batch.diagnose(engine, 0, no_checkpoint).findings] == ["one"]


def test_every_fault_of_the_whole_is_told_at_once() -> None:
    files = tuple(UploadedFile(f"{n}.csv", b"") for n in range(4))
    with pytest.raises(InputError) as caught:
        open_batch(DiagnosisRequest(files, ("",)), make_engine(), BOUNDS)
    assert [fault.code for fault in caught.value.faults] == [
        FaultCode.TOO_MANY_RECORDINGS,
        FaultCode.EMPTY_QUERY,
    ]


def test_no_more_are_answered_ahead_than_are_taken() -> None:
    begun: list[int] = []

    async def scenario() -> None:
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

    asyncio.run(scenario())


def test_an_answer_that_cannot_be_handed_over_ends_all() -> None:
    begun: list[int] = []

    async def answer(index: int) -> int:
        begun.append(index)
        return index

    async def emit(_: int) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        asyncio.run(answer_each(10, 1, answer, emit))
    assert begun == [0]
