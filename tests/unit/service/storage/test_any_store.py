"""What `ConditionStore` promises, held by each store there is."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from service.engine.queries.conditions import Code
from service.errors import ConditionIdTaken, StoreUnavailable
from service.storage.base import ConditionStore, StoredCondition
from service.storage.sqlite import SqliteStore
from tests.support.redis import RedisServer, RedisStarter
from tests.support.service import make_stored
from tests.support.stores import RedisStoreMaker

StoreOpener = Callable[[], ConditionStore]
"""Opens one more store on what the others hold, as another process does."""

FULL = replace(
    make_stored(),
    name="Präexzitation",
    synonyms=("WPW", "δ-Welle"),
    codes=(Code("http://snomed.info/sct", "7"), Code("urn:x", "")),
    created_at=datetime(2025, 1, 31, 23, 59, 59, 123456, tzinfo=UTC),
)


def numbered(number: int) -> StoredCondition:
    """A condition with a term of its own, registered so many seconds after the others."""
    condition = make_stored(f"c{number}", f"text {number}")
    return replace(condition, created_at=condition.created_at + timedelta(seconds=number))


def ids(store: ConditionStore) -> list[str]:
    return [condition.id for condition in store.all()]


def assert_same(one: StoredCondition, other: StoredCondition) -> None:
    np.testing.assert_array_equal(one.embedding, other.embedding)
    for name in set(StoredCondition.__slots__) - {"embedding"}:
        assert getattr(one, name) == getattr(other, name)


class Promises:
    """The suite; a store's class says how it is opened, and how it becomes unreachable."""

    def test_a_new_store_is_empty(self, open_store: StoreOpener) -> None:
        assert open_store().all() == ()

    def test_a_condition_comes_back_as_it_was(self, open_store: StoreOpener) -> None:
        assert open_store().add(FULL) is FULL
        (kept,) = open_store().all()
        assert_same(kept, FULL)
        assert all(isinstance(code, Code) for code in kept.codes)

    def test_what_was_added_outlives_the_store_that_added_it(self, open_store: StoreOpener) -> None:
        store = open_store()
        store.add(FULL)
        store.close()
        (kept,) = open_store().all()
        assert_same(kept, FULL)

    def test_of_one_term_the_first_stays(self, open_store: StoreOpener) -> None:
        one, other = open_store(), open_store()
        first = make_stored("first", "delta wave")
        one.add(first)
        assert_same(other.add(make_stored("second", "delta wave")), first)
        assert ids(one) == ["first"]

    def test_of_one_term_one_stays_when_many_add_it_at_once(self, open_store: StoreOpener) -> None:
        stores = [open_store() for _ in range(8)]
        with ThreadPoolExecutor(8) as threads:
            kept = list(
                threads.map(lambda n: stores[n % 8].add(make_stored(f"c{n}", "delta")), range(40))
            )
        assert len({condition.id for condition in kept}) == 1
        assert ids(stores[0]) == [kept[0].id]

    def test_many_threads_can_write_at_once(self, open_store: StoreOpener) -> None:
        store = open_store()
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(lambda number: store.add(numbered(number)), range(40)))
        assert sorted(ids(store)) == sorted(f"c{number}" for number in range(40))

    def test_an_id_that_another_term_has_is_refused_and_the_store_goes_on(
        self, open_store: StoreOpener
    ) -> None:
        store = open_store()
        store.add(make_stored("one", "first text"))
        with pytest.raises(ConditionIdTaken):
            store.add(make_stored("one", "another text"))
        (kept,) = store.all()
        assert kept.text == "first text"
        assert store.add(make_stored("two", "another text")).id == "two"

    def test_removing_tells_whether_there_was_one(self, open_store: StoreOpener) -> None:
        store, other = open_store(), open_store()
        store.add(make_stored("one"))
        assert other.remove("one")
        assert not store.remove("one")
        assert store.all() == ()

    def test_id_and_term_of_what_was_removed_are_free_again(self, open_store: StoreOpener) -> None:
        store = open_store()
        store.add(make_stored("one", "delta wave"))
        store.remove("one")
        assert store.add(make_stored("one", "another")).id == "one"
        assert store.add(make_stored("two", "delta wave")).id == "two"

    def test_they_are_in_the_order_in_which_they_were_added(self, open_store: StoreOpener) -> None:
        store = open_store()
        for number in (3, 10, 20, 21, 100):
            store.add(numbered(number))
        store.all()
        store.remove("c20")
        store.update_embedding("c3", np.array([0, 1], np.float32), "b" * 64)
        assert ids(store) == ids(open_store()) == ["c3", "c10", "c21", "c100"]

    def test_the_revision_grows_with_every_change(self, open_store: StoreOpener) -> None:
        store, other = open_store(), open_store()
        seen = [store.revision()]
        other.add(make_stored("one"))
        seen.append(store.revision())
        other.all()
        other.update_embedding("one", np.zeros(3, np.float32), "b" * 64)
        seen.append(store.revision())
        other.remove("one")
        seen.append(store.revision())
        assert seen == sorted(set(seen))

    def test_what_changes_nothing_leaves_the_revision(self, open_store: StoreOpener) -> None:
        store, other = open_store(), open_store()
        other.add(make_stored("one", "delta wave"))
        before = store.revision()
        other.all()
        other.add(make_stored("two", "delta wave"))
        with pytest.raises(ConditionIdTaken):
            other.add(make_stored("one", "another"))
        other.remove("none")
        other.update_embedding("none", np.zeros(3, np.float32), "b" * 64)
        assert store.revision() == before

    def test_an_embedding_can_be_replaced_and_nothing_else_changes(
        self, open_store: StoreOpener
    ) -> None:
        store = open_store()
        for condition in (FULL, numbered(1)):
            store.add(condition)
        store.all()
        store.update_embedding(FULL.id, np.array([0, 1], np.float32), "b" * 64)
        kept = {condition.id: condition for condition in open_store().all()}
        embedding = np.array([0, 1], np.float32)
        assert_same(kept[FULL.id], replace(FULL, embedding=embedding, encoder_digest="b" * 64))
        assert_same(kept["c1"], numbered(1))

    @pytest.mark.parametrize(
        "call",
        [
            lambda store: store.all(),
            lambda store: store.revision(),
            lambda store: store.add(numbered(2)),
            lambda store: store.remove("c1"),
            lambda store: store.update_embedding("c1", np.zeros(3, np.float32), "b" * 64),
        ],
        ids=["all", "revision", "add", "remove", "update_embedding"],
    )
    def test_a_store_that_cannot_be_reached_says_so(
        self, unreachable: ConditionStore, call: Callable[[ConditionStore], object]
    ) -> None:
        with pytest.raises(StoreUnavailable):
            call(unreachable)


class TestSqlite(Promises):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> Iterator[StoreOpener]:
        with ExitStack() as stack:

            def open_one() -> ConditionStore:
                store = SqliteStore(tmp_path / "deep" / "conditions.sqlite3")
                stack.callback(store.close)
                return store

            yield open_one

    @pytest.fixture
    def unreachable(self, open_store: StoreOpener) -> ConditionStore:
        store = open_store()
        store.add(numbered(1))
        store.close()
        return store


class TestRedis(Promises):
    @pytest.fixture
    def open_store(self, redis_server: RedisServer, store_on: RedisStoreMaker) -> StoreOpener:
        return lambda: store_on(redis_server)

    @pytest.fixture
    def unreachable(self, start_redis: RedisStarter, store_on: RedisStoreMaker) -> ConditionStore:
        server = start_redis()
        store = store_on(server)
        store.add(numbered(1))
        store.all()
        server.kill()
        return store
