import sqlite3
from multiprocessing import get_context
from pathlib import Path

import pytest

from service.errors import StoreUnavailable
from service.storage.sqlite import SqliteStore
from tests.support.service import make_stored


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "conditions.sqlite3"


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
