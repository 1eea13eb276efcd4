"""What ends a single process that hangs, in processes of their own that really hang."""

import subprocess
import sys
import time

import pytest

from service.processes.heartbeat import Pulse, Silence

WITHIN_S = 60.0

# The pattern holds the interpreter's lock for longer than anybody waits.
HANGING = """
import asyncio, re
from service.processes.heartbeat import Watchdog, keep_beating

async def main():
    beating = asyncio.create_task(keep_beating(Watchdog(1.0), lambda: False))
    await asyncio.sleep(2.5)
    print("alive", flush=True)
    {then}
    beating.cancel()
    await asyncio.sleep(0)

asyncio.run(main())
{after}
"""


def run(then: str, after: str = "") -> subprocess.CompletedProcess[str]:
    program = HANGING.format(then=then, after=after)
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=WITHIN_S
    )


def test_a_process_that_holds_the_interpreter_ends_itself_and_says_where() -> None:
    began = time.monotonic()
    ended = run('re.match("(?:1|1)*,", "1" * 80)')
    assert time.monotonic() - began < 10
    assert (ended.returncode, ended.stdout) == (1, "alive\n")
    assert "Timeout" in ended.stderr
    assert "1111" not in ended.stderr


def test_a_process_that_ends_in_its_own_time_is_left_alone() -> None:
    ended = run("pass", after="import time; time.sleep(2)")
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize(("loading", "given_up"), [(False, True), (True, False)])
def test_silence_counts_from_the_last_beat_and_waits_for_a_model(
    loading: bool, given_up: bool
) -> None:
    pulse = Pulse()
    silence = Silence(pulse, hang_after_s=0.2)
    time.sleep(0.3)
    assert not silence.is_too_long()
    pulse.beat(loading)
    assert not silence.is_too_long()
    time.sleep(0.3)
    assert silence.is_too_long() is given_up
    pulse.beat()
    assert not silence.is_too_long()


def test_who_asks_after_a_pause_does_not_count_it() -> None:
    pulse = Pulse()
    silence = Silence(pulse, hang_after_s=1.5)
    pulse.beat()
    assert not silence.is_too_long()
    time.sleep(2)
    assert not silence.is_too_long()
