"""Runs of the language model's reader that are cut off, and what the next run finds."""

import asyncio
import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from model_training.entities.llm import (
    LlmReader,
    Report,
)
from tests.unit.model_training.entities.scripted_llm import (
    Handler,
    ScriptedLlm,
    answer,
)
from tests.unit.model_training.entities.test_llm_reader import (  # noqa: F401
    KEY,
    LATER_S,
    SINUS,
    cache,
    drop,
    good,
    hang,
    llm,
    make_reader,
    read,
    script,
    status,
)


def _read_until_killed(url: str, cache: Path) -> None:  # noqa: F811
    with scripted_nothing(url) as nobody:
        read(nobody, cache, *(f"sinusrhythmus {n}" for n in range(200)), concurrency=1)


class scripted_nothing:  # noqa: N801
    """A stand-in for a server that runs in another process."""

    def __init__(self, url: str) -> None:
        self._scripted = ScriptedLlm(url=url)

    def __enter__(self) -> ScriptedLlm:
        return self._scripted

    def __exit__(self, *_: object) -> None:
        pass


def test_a_killed_run_is_resumed_where_it_was(llm: ScriptedLlm, cache: Path) -> None:  # noqa: F811
    def act(handler: Handler, body: dict[str, Any], number: int) -> None:
        time.sleep(0.01)
        answer(handler, SINUS)

    llm.act = act
    process = multiprocessing.get_context("spawn").Process(
        target=_read_until_killed, args=(llm.url, cache)
    )
    process.start()
    deadline = time.monotonic() + 60
    while len(llm.requests) < 20 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    before = len(llm.requests)
    assert 20 <= before < 200
    with make_reader(llm, cache) as reader:
        readings = reader.read([Report(str(n), f"sinusrhythmus {n}") for n in range(200)])
    assert all(reading.entities for reading in readings)
    assert reader.counts.cached >= before - 1  # the one under way may be lost
    assert reader.counts.asked == 200 - reader.counts.cached


def test_an_interrupt_leaves_what_was_answered(llm: ScriptedLlm, cache: Path) -> None:  # noqa: F811
    def act(handler: Handler, body: dict[str, Any], number: int) -> None:
        if len(llm.requests) > 5:
            time.sleep(1)
        answer(handler, SINUS)

    llm.act = act

    async def interrupted(reader: LlmReader) -> None:
        reports = [Report(str(n), f"sinusrhythmus {n}") for n in range(20)]
        reading = asyncio.create_task(reader._read_all(reports, None))
        while len(llm.requests) <= 5:  # noqa: ASYNC110 (what is waited for happens in a thread)
            await asyncio.sleep(0.01)
        reading.cancel()
        await reading

    with make_reader(llm, cache, concurrency=1) as reader, pytest.raises(asyncio.CancelledError):
        reader._runner.run(interrupted(reader))
    with make_reader(llm, cache) as reader:
        reader.read([Report(str(n), f"sinusrhythmus {n}") for n in range(5)])
    assert reader.counts.cached == 5
