import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.engine.queries.single_flight import SingleFlight
from tests.support.service import Gate


def test_what_several_want_at_once_is_done_once() -> None:
    flight, gate, done = SingleFlight[str, int](), Gate(), []

    def work() -> int:
        gate.pass_through()
        done.append(1)
        return 7

    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(flight.run, "key", work)
        assert gate.reached.wait(60)
        others = [threads.submit(flight.run, "key", work) for _ in range(4)]
        gate.open()
        results = [first.result(10), *(other.result(10) for other in others)]
    # One that came after the first had landed has done it again: so `done` may be longer.
    assert results[0] == (7, True)
    assert len(done) == sum(here for _, here in results)


def test_keys_do_not_wait_for_each_other() -> None:
    flight, gate = SingleFlight[str, int](), Gate()

    def work() -> int:
        gate.pass_through()
        return 1

    with ThreadPoolExecutor(1) as threads:
        slow = threads.submit(flight.run, "slow", work)
        assert gate.reached.wait(60)
        assert flight.run("quick", lambda: 2) == (2, True)
        gate.open()
        assert slow.result(10) == (1, True)


def test_the_failure_of_one_is_not_the_others() -> None:
    flight, gate = SingleFlight[str, int](), Gate()
    waiting = threading.Event()

    def fail() -> int:
        gate.pass_through()
        raise TimeoutError

    def wait() -> tuple[int, bool]:
        waiting.set()
        return flight.run("key", lambda: 3)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(flight.run, "key", fail)
        assert gate.reached.wait(60)
        second = threads.submit(wait)
        assert waiting.wait(60)
        gate.open()
        with pytest.raises(TimeoutError):
            first.result(10)
        assert second.result(10) == (3, True)


def test_a_key_can_be_wanted_again() -> None:
    flight = SingleFlight[str, int]()
    assert flight.run("key", lambda: 1) == (1, True)
    assert flight.run("key", lambda: 2) == (2, True)
