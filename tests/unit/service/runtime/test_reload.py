import gc
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from ecg_core.errors import InvalidBundle
from service.engine import loading
from service.engine.inference.onnx import OnnxGraph, load_model
from service.observability.metrics import Metrics
from service.runtime.assembly import load_runtime, reload_runtime
from service.runtime.reload import announce_model, reload_model
from service.runtime.state import ServiceState
from service.settings import Settings
from tests.support.bundles import break_bundle, make_bundle, point_to

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class FakeManifest:
    name: str = "name"
    version: str = "1"


@dataclass(frozen=True)
class FakeBundle:
    digest: str
    manifest: FakeManifest = field(default_factory=FakeManifest)


@dataclass(frozen=True)
class FakeRuntime:
    bundle: FakeBundle
    reference: None = None


OLD, NEW = FakeRuntime(FakeBundle("old")), FakeRuntime(FakeBundle("new"))


async def reloaded(outcome: FakeRuntime | Exception) -> Any:
    """The state after a reload with this outcome."""

    def reload(*_: Any) -> FakeRuntime:
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    nothing: Any = None
    old: Any = OLD
    state = ServiceState(
        Settings(),
        Metrics(),
        nothing,
        cast(Any, reload),
        nothing,
        nothing,
        nothing,
        nothing,
        runtime=old,
    )
    announce_model(old, state.metrics)
    await reload_model(state)
    return state


async def test_a_new_model_takes_over_and_both_digests_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.INFO):
        state = await reloaded(NEW)
    assert state.runtime is NEW
    text = state.metrics.render().decode()
    assert 'digest="new"' in text
    assert 'digest="old"' not in text
    assert 'model_reloads_total{result="done"} 1.0' in text
    assert "sha256:new answers in place of sha256:old" in caplog.text


async def test_a_model_that_is_no_good_changes_nothing_and_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    state = await reloaded(InvalidBundle("fusion.onnx does not match its SHA-256"))
    assert state.runtime is OLD
    assert 'digest="old"' in state.metrics.render().decode()
    assert 'model_reloads_total{result="failed"} 1.0' in state.metrics.render().decode()
    assert "sha256:old goes on answering" in caplog.text
    assert "fusion.onnx does not match" in caplog.text


async def test_the_same_model_is_not_loaded_twice() -> None:
    state = await reloaded(OLD)
    assert state.runtime is OLD
    assert 'model_reloads_total{result="unchanged"} 1.0' in state.metrics.render().decode()


def test_real_bundles_share_queue_and_store(tmp_path: Path) -> None:
    link = tmp_path / "bundle"
    first = make_bundle(tmp_path / "first", version="first")
    point_to(link, tmp_path / "first")
    settings = Settings(store_path=tmp_path / "conditions.sqlite3", bundle_dir=link)
    metrics = Metrics()
    runtime = load_runtime(settings, metrics)
    try:
        assert runtime.bundle.digest == first
        assert reload_runtime(settings, metrics, runtime) is runtime
        second = make_bundle(tmp_path / "second", version="second")
        point_to(link, tmp_path / "second")
        other = reload_runtime(settings, metrics, runtime)
        assert other.bundle.digest == second != first
        assert (other.workers, other.store) == (runtime.workers, runtime.store)
        break_bundle(tmp_path / "second")
        with pytest.raises(InvalidBundle):
            reload_runtime(settings, metrics, other)
        runtime.registry.check()
    finally:
        runtime.close()


def test_a_model_that_is_replaced_is_freed_without_the_garbage_collector(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not the tests' own, which keeps what it has opened.
    monkeypatch.setattr(loading, "load_model", load_model)

    def graphs() -> int:
        # By type: isinstance asks objects of torch for their class, and some warn then.
        return sum(type(each) is OnnxGraph for each in gc.get_objects())

    link = tmp_path / "bundle"
    make_bundle(tmp_path / "first", version="first")
    make_bundle(tmp_path / "second", version="second")
    point_to(link, tmp_path / "first")
    settings = Settings(store_path=tmp_path / "conditions.sqlite3", bundle_dir=link)
    metrics = Metrics()
    gc.collect()
    gc.disable()
    try:
        before = graphs()
        runtime = load_runtime(settings, metrics)
        one_model = graphs() - before
        point_to(link, tmp_path / "second")
        # Kept by a cycle, it would stay until the collector looks at old objects: many reloads.
        runtime = reload_runtime(settings, metrics, runtime)
        assert graphs() - before == one_model == 4
        runtime.close()
    finally:
        gc.enable()
