import sqlite3
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from service.queries.sqlite_store import SqliteStore
from service.queries.store import Code, StoredCondition, StoreUnavailable
from tests.service_fixtures import make_stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "conditions.sqlite3"


def same(one: StoredCondition, other: StoredCondition) -> bool:
    names = [name for name in StoredCondition.__slots__ if name != "embedding"]
    return np.array_equal(one.embedding, other.embedding) and all(
        getattr(one, name) == getattr(other, name) for name in names
    )


def test_what_was_added_outlives_a_restart(path: Path) -> None:
    condition = make_stored()
    full = StoredCondition(
        **{name: getattr(condition, name) for name in StoredCondition.__slots__}
        | {"synonyms": ("WPW", "Präexzitation"), "codes": (Code("http://snomed.info/sct", "7"),)}
    )
    store = SqliteStore(path)
    assert store.add(full) is full
    store.close()
    again = SqliteStore(path)
    (kept,) = again.all()
    assert same(kept, full)
    again.close()


def test_of_one_term_the_first_stays(path: Path) -> None:
    store = SqliteStore(path)
    store.add(make_stored("first", "delta wave"))
    kept = store.add(make_stored("second", "delta wave"))
    assert kept.id == "first"
    assert [c.id for c in store.all()] == ["first"]
    store.close()


def test_removing_tells_whether_there_was_one(path: Path) -> None:
    store = SqliteStore(path)
    store.add(make_stored("one"))
    assert store.remove("one")
    assert not store.remove("one")
    assert store.all() == ()
    store.close()


def test_the_revision_moves_with_every_change_and_only_then(path: Path) -> None:
    store, other = SqliteStore(path), SqliteStore(path)
    seen = [store.revision()]
    other.add(make_stored("one"))
    seen.append(store.revision())
    other.update_embedding("one", np.zeros(3, np.float32), "b" * 64)
    seen.append(store.revision())
    other.remove("one")
    seen.append(store.revision())
    assert len(set(seen)) == len(seen)
    other.remove("one")
    other.all()
    assert store.revision() == seen[-1]
    store.close()
    other.close()


def test_many_threads_can_write_at_once(path: Path) -> None:
    store = SqliteStore(path)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.add(make_stored(f"c{n}", f"text {n}")), range(40)))
    assert len(store.all()) == 40
    store.close()


def _add_some(path: Path, name: str) -> None:
    store = SqliteStore(path)
    for number in range(10):
        store.add(make_stored(f"{name}-{number}", f"{name} {number}"))
    store.close()


def test_several_processes_can_share_the_file(path: Path) -> None:
    SqliteStore(path).close()
    context = get_context("spawn")
    writers = [context.Process(target=_add_some, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = SqliteStore(path)
    assert len(store.all()) == 20
    store.close()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreUnavailable):
        SqliteStore(tmp_path / "file" / "conditions.sqlite3")


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "conditions.sqlite3"
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StoreUnavailable):
        SqliteStore(path)


def test_a_row_that_was_tampered_with_is_told(path: Path) -> None:
    store = SqliteStore(path)
    store.add(make_stored("one"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE conditions SET codes = 'no JSON'")
    connection.close()
    with pytest.raises(StoreUnavailable):
        store.all()
    store.close()


def test_a_broken_vector_is_left_to_the_registry_to_judge(path: Path) -> None:
    store = SqliteStore(path)
    store.add(make_stored("one"))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE conditions SET embedding = x'0000803f00'")
    connection.close()
    assert store.all()[0].embedding.tolist() == [1.0]
    store.close()


def test_a_failed_write_leaves_the_store_usable(path: Path) -> None:
    store = SqliteStore(path)
    store.add(make_stored("one", "first text"))
    with pytest.raises(StoreUnavailable):
        store.add(make_stored("one", "another text, the same id"))
    store.add(make_stored("two", "second text"))
    assert [c.id for c in store.all()] == ["one", "two"]
    store.close()


def test_a_closed_store_does_not_answer(path: Path) -> None:
    store = SqliteStore(path)
    store.close()
    with pytest.raises(StoreUnavailable):
        store.revision()
