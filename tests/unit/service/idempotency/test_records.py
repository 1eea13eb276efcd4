"""Both places where records are kept: the same promises."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from service.idempotency.memory import MemoryRecords
from service.idempotency.records import KeptAnswer, Record, Records, RecordsUnavailable, decoded
from service.idempotency.redis import RedisRecords
from service.metrics import Metrics
from service.redis_client import connect
from service.redis_link import RedisLink
from service.settings import Settings
from tests.redis_fixtures import RedisServer, RedisStarter

ANSWER = KeptAnswer(200, (("content-type", "application/json"),), b'{"a":\n1}\xff')
BEGUN = Record("f" * 64, "owner-1")
DONE = replace(BEGUN, answer=ANSWER)
OTHER = Record("0" * 64, "owner-2")


def redis_records(server: RedisServer) -> tuple[RedisLink, RedisRecords]:
    # Generous: a loaded machine must not look like a dead Redis.
    link = RedisLink(connect(Settings(redis_url=server.url, redis_timeout_s=5.0)), Metrics())
    return link, RedisRecords(link, "test")


@pytest.fixture(params=["memory", "redis"])
def records(request: pytest.FixtureRequest, redis_server: RedisServer) -> Iterator[Records]:
    if request.param == "memory":
        yield MemoryRecords(100, 1_000_000)
        return
    link, made = redis_records(redis_server)
    yield made
    link.close()


@pytest.mark.parametrize("record", [BEGUN, DONE, replace(DONE, answer=replace(ANSWER, body=b""))])
def test_a_record_is_the_same_after_it_was_written(record: Record) -> None:
    assert decoded(record.encoded()) == record


@pytest.mark.parametrize("content", [b"", b"garbage", b"\xff\n", b"[]", b"{}", b'{"status": 1}\n'])
def test_what_is_no_record_is_not_taken_for_one(content: bytes) -> None:
    with pytest.raises(ValueError, match="no record"):
        decoded(content)


def test_bodies_are_not_shown() -> None:
    assert "owner" in repr(DONE)
    assert '{"a"' not in repr(DONE)


def test_the_first_begins_and_the_next_are_told_who_did(records: Records) -> None:
    assert records.begin("id", BEGUN, 60) is None
    assert records.begin("id", OTHER, 60) == BEGUN
    assert records.begin("other id", OTHER, 60) is None


def test_the_answer_takes_the_place(records: Records) -> None:
    records.begin("id", BEGUN, 60)
    records.finish("id", BEGUN, DONE, 60)
    assert records.begin("id", OTHER, 60) == DONE


def test_what_is_forgotten_may_begin_anew(records: Records) -> None:
    records.begin("id", BEGUN, 60)
    records.forget("id", OTHER)
    assert records.begin("id", OTHER, 60) == BEGUN
    records.forget("id", BEGUN)
    assert records.begin("id", OTHER, 60) is None
    records.forget("nothing", OTHER)


def test_who_was_given_up_cannot_finish_over_another(records: Records) -> None:
    records.begin("id", BEGUN, 60)
    records.forget("id", BEGUN)
    records.begin("id", OTHER, 60)
    with pytest.raises(RecordsUnavailable):
        records.finish("id", BEGUN, DONE, 60)
    assert records.begin("id", BEGUN, 60) == OTHER


def test_of_many_at_once_one_begins(records: Records) -> None:
    owners = [Record("f" * 64, f"owner-{number}") for number in range(16)]
    with ThreadPoolExecutor(8) as callers:
        found = list(callers.map(lambda owner: records.begin("id", owner, 60), owners))
    assert found.count(None) == 1


class TestMemory:
    def test_records_end(self) -> None:
        now = [0.0]
        records = MemoryRecords(10, 10_000, lambda: now[0])
        records.begin("id", BEGUN, 60)
        now[0] = 59.9
        assert records.begin("id", OTHER, 60) == BEGUN
        now[0] = 60.0
        assert records.begin("id", OTHER, 60) is None

    def test_the_oldest_answers_make_room_and_what_is_under_way_stays(self) -> None:
        records = MemoryRecords(3, 10_000)
        records.begin("running", BEGUN, 60)
        for number in range(5):
            records.begin(f"{number}", BEGUN, 60)
            records.finish(f"{number}", BEGUN, DONE, 60)
        assert records.begin("running", OTHER, 60) == BEGUN
        assert records.begin("4", OTHER, 60) == DONE
        assert records.begin("0", OTHER, 60) is None

    def test_with_everything_under_way_nothing_more_is_kept(self) -> None:
        records = MemoryRecords(1, 10_000)
        records.begin("one", BEGUN, 60)
        with pytest.raises(RecordsUnavailable):
            records.begin("other", OTHER, 60)

    def test_bytes_are_bounded(self) -> None:
        records = MemoryRecords(1000, 2000)
        for number in range(50):
            records.begin(f"{number}", BEGUN, 60)
            records.finish(f"{number}", BEGUN, DONE, 60)
            assert 0 < records.held_bytes <= 2000
        records.begin("large", BEGUN, 60)
        large = replace(BEGUN, answer=replace(ANSWER, body=bytes(3000)))
        with pytest.raises(RecordsUnavailable):
            records.finish("large", BEGUN, large, 60)
        assert records.begin("49", OTHER, 60) == DONE


class TestRedis:
    def test_records_end(self, redis_server: RedisServer) -> None:
        link, records = redis_records(redis_server)
        records.begin("id", BEGUN, 60)
        records.finish("id", BEGUN, DONE, 90)
        with redis_server.client() as client:
            (key,) = client.keys("*")
            assert key == b"test:idempotency:id"
            assert 60_000 < client.pttl(key) <= 90_000
        link.close()

    def test_garbage_is_no_answer(self, redis_server: RedisServer) -> None:
        link, records = redis_records(redis_server)
        with redis_server.client() as client:
            client.set("test:idempotency:id", b"garbage")
            client.lpush("test:idempotency:list", b"garbage")
        for name in ("id", "list"):
            with pytest.raises(RecordsUnavailable):
                records.begin(name, BEGUN, 60)
        link.close()

    def test_a_redis_that_is_gone_is_told(self, start_redis: RedisStarter) -> None:
        server = start_redis()
        link, records = redis_records(server)
        records.begin("id", BEGUN, 60)
        server.kill()
        for call in (
            lambda: records.begin("id", BEGUN, 60),
            lambda: records.finish("id", BEGUN, DONE, 60),
            lambda: records.forget("id", BEGUN),
        ):
            with pytest.raises(RecordsUnavailable):
                call()
        link.close()
