import numpy as np
import pytest

from ecg_core.errors import BuiltInCondition, ConditionNotFound, FaultCode, InvalidQuery
from service.queries.registry import Registration
from service.queries.store import StoreUnavailable
from tests.service_fixtures import MemoryStore, make_condition, make_registry, make_stored

BUILT_IN = [make_condition("atrial-flutter"), make_condition("sinus-rhythm")]
NEW = Registration("hyperkalaemia with peaked T waves", "Hyperkalämie", ("high potassium",))


def test_a_registered_condition_is_found_by_each_of_its_wordings() -> None:
    registry = make_registry(BUILT_IN)
    added, is_new = registry.add(NEW)
    assert is_new
    find = registry.finder()
    for wording in ("Hyperkalemia with peaked T-waves", "HYPERKALÄMIE", "high  potassium"):
        assert find(wording) is added
    assert find("low potassium") is None


def test_its_id_follows_from_name_and_text_alone() -> None:
    one, other = make_registry(BUILT_IN), make_registry()
    assert one.add(NEW)[0].id == other.add(NEW)[0].id
    assert one.add(NEW)[0].id.startswith("hyperkalamie-")


def test_the_same_text_again_gives_the_one_that_exists() -> None:
    registry = make_registry(BUILT_IN)
    first, _ = registry.add(NEW)
    again, is_new = registry.add(Registration("Hyperkalemia, with peaked T waves", "other name"))
    assert again is first
    assert not is_new


def test_a_name_that_means_another_condition_is_refused() -> None:
    registry = make_registry(BUILT_IN)
    clash = Registration("something new", "sinus rhythm", ("fine", "Atrial flutter"))
    with pytest.raises(InvalidQuery) as caught:
        registry.add(clash)
    assert [fault.field for fault in caught.value.faults] == ["name", "synonyms[1]"]


def test_too_many_conditions_are_refused() -> None:
    registry = make_registry(BUILT_IN, max_registered=1)
    registry.add(NEW)
    with pytest.raises(InvalidQuery) as caught:
        registry.add(Registration("one more", "one more"))
    assert [fault.code for fault in caught.value.faults] == [FaultCode.TOO_MANY_QUERIES]


def test_all_lists_the_catalogue_first() -> None:
    registry = make_registry(BUILT_IN)
    added, _ = registry.add(NEW)
    assert [c.id for c in registry.all()] == ["atrial-flutter", "sinus-rhythm", added.id]


def test_removing() -> None:
    registry = make_registry(BUILT_IN)
    added, _ = registry.add(NEW)
    registry.remove(added.id)
    assert registry.finder()(NEW.text) is None
    with pytest.raises(ConditionNotFound):
        registry.remove(added.id)
    with pytest.raises(ConditionNotFound):
        registry.get(added.id)
    with pytest.raises(BuiltInCondition):
        registry.remove("sinus-rhythm")


def test_another_process_is_noticed() -> None:
    store = MemoryStore()
    one, other = make_registry(BUILT_IN, store), make_registry(BUILT_IN, store)
    added, _ = one.add(NEW)
    assert other.get(added.id).text == NEW.text
    other.remove(added.id)
    assert len(one.all()) == len(BUILT_IN)


def test_the_embedding_is_computed_once() -> None:
    embedded: list[str] = []

    def embed(text: str) -> np.ndarray:
        embedded.append(text)
        return np.ones(2, np.float32)

    registry = make_registry(BUILT_IN, embed=embed)
    added, _ = registry.add(NEW)
    registry.all()
    registry.get(added.id)
    assert embedded == [NEW.text]


def test_embeddings_of_another_text_encoder_are_never_used() -> None:
    store = MemoryStore()
    foreign = make_stored("foreign", embedding=np.zeros(2, np.float32), encoder_digest="b" * 64)
    store.add(foreign)
    registry = make_registry(BUILT_IN, store, embed=lambda _: np.ones(2, np.float32))
    assert registry.get("foreign").embedding.tolist() == [1, 1]
    assert store.conditions["foreign"].encoder_digest == "b" * 64
    assert registry.renew_embeddings() == 1
    assert store.conditions["foreign"].embedding.tolist() == [1, 1]
    assert registry.renew_embeddings() == 0


def test_while_the_store_is_down_the_last_state_is_used_and_nothing_is_acknowledged() -> None:
    store = MemoryStore()
    registry = make_registry(BUILT_IN, store)
    added, _ = registry.add(NEW)
    store.down = True
    assert registry.get(added.id) is added
    for call in (
        registry.check,
        lambda: registry.remove(added.id),
        lambda: registry.add(Registration("one more", "one more")),
    ):
        with pytest.raises(StoreUnavailable):
            call()
