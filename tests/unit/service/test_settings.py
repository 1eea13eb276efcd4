from pathlib import Path

import pytest
from pydantic import ValidationError

from service import SHIPPED_BUNDLE_DIR
from service.settings import Settings, faulty_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"CARDIOQUERY_{name.upper()}", raising=False)


def test_every_option_says_what_follows_from_it() -> None:
    bare = [name for name, field in Settings.model_fields.items() if not field.description]
    assert bare == []


def test_options_come_from_the_environment_by_one_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDIOQUERY_MAX_QUERIES", "7")
    monkeypatch.setenv("MAX_QUERIES", "8")
    monkeypatch.setenv("CARDIOQUERY_PROVIDERS", '["cuda", "cpu"]')
    assert Settings().max_queries == 7
    assert Settings().providers == ("cuda", "cpu")


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "70000"),
        ("MAX_UPLOAD_BYTES", "0"),
        ("REQUEST_DEADLINE_S", "nan"),
        ("UPLOAD_TIMEOUT_S", "-1"),
        ("PROVIDERS", "[]"),
        ("PROVIDERS", '["tpu"]'),
        ("LOG_LEVEL", "loud"),
        ("MAX_UPLOADS_BYTES", "5"),
        ("KEY_RATE_LIMIT", "often"),
        ("KEY_RATE_LIMIT", "0/minute"),
        ("ANONYMOUS_RATE_LIMIT", "100001/minute"),
        ("TRUSTED_PROXIES", '["proxy"]'),
        ("CORS_ALLOWED_ORIGINS", '["*"]'),
        ("CORS_ALLOWED_ORIGINS", '["https://viewer.test/"]'),
    ],
)
def test_a_value_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"CARDIOQUERY_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_the_store_lies_in_the_users_data_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert Settings().store_path == tmp_path / "cardioquery" / "conditions.sqlite3"
    # The specification: a relative path is to be ignored.
    monkeypatch.setenv("XDG_DATA_HOME", "data")
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = tmp_path / ".local" / "share" / "cardioquery" / "conditions.sqlite3"
    assert Settings().store_path == expected


def test_the_shipped_bundle_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().bundle_dir == SHIPPED_BUNDLE_DIR
    monkeypatch.setenv("CARDIOQUERY_BUNDLE_DIR", "/srv/other")
    assert Settings().bundle_dir == Path("/srv/other")


def test_only_the_settings_read_the_environment() -> None:
    package = SHIPPED_BUNDLE_DIR.parent
    readers = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if "os.environ" in path.read_text() or "getenv" in path.read_text()
    }
    # The runtime is told by its environment, before it is imported, not to report to its makers.
    assert readers == {"settings.py", "engine/inference/__init__.py"}


def test_a_redis_url_that_cannot_be_read_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(redis_url="redis://:secret@")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(Settings(redis_url="redis://:secret@host"))


@pytest.mark.parametrize("prefix", ["", "{a}", "a b", "a" * 65])
def test_a_key_prefix_that_would_move_keys_of_a_cluster_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        Settings(redis_key_prefix=prefix)


def test_workers_share_the_cores_unless_stated_otherwise() -> None:
    assert Settings(workers=1000).for_each_worker().max_concurrent_diagnoses == 1
    assert Settings(workers=1).for_each_worker() == Settings()
    stated = Settings(workers=4, max_concurrent_diagnoses=3).for_each_worker()
    assert (stated.max_concurrent_diagnoses, stated.max_batch_diagnoses) == (3, 1)


def test_an_empty_option_of_access_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEYS_FILE", "KEY_RATE_LIMIT", "ANONYMOUS_RATE_LIMIT"):
        monkeypatch.setenv(f"CARDIOQUERY_{name}", "")
    stated = Settings()
    assert stated.api_keys_file is stated.key_rate_limit is stated.anonymous_rate_limit is None


def test_faulty_options_are_named_without_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARDIOQUERY_PORT", "70000")
    monkeypatch.setenv("CARDIOQUERY_KEY_RATE_LIMIT", "secret")
    with pytest.raises(ValidationError) as caught:
        Settings()
    named = faulty_settings(caught.value).split(", ")
    assert sorted(named) == ["CARDIOQUERY_KEY_RATE_LIMIT", "CARDIOQUERY_PORT"]
    monkeypatch.undo()
    with pytest.raises(ValidationError) as caught:
        Settings(allow_anonymous=True, api_keys_file="keys.json")
    assert "exclude each other" in faulty_settings(caught.value)


@pytest.mark.parametrize("seconds", [-1.0, 0.1, 0.99, float("inf"), float("nan")])
def test_a_silence_that_every_process_keeps_now_and_then_is_no_hang(seconds: float) -> None:
    with pytest.raises(ValidationError):
        Settings(hang_after_s=seconds)


@pytest.mark.parametrize("seconds", [0.0, 1.0, 5.0])
def test_a_hang_is_a_second_of_silence_at_least_or_none_at_all(seconds: float) -> None:
    assert Settings(hang_after_s=seconds).hang_after_s == seconds
