import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.errors import BuiltInCondition, ConditionNotFound, FaultCode, InvalidQuery
from service.queries.registry import Registration
from service.queries.store import StoredCondition, StoreUnavailable
from tests.service_fixtures import (
    DIMENSION,
    MemoryStore,
    make_condition,
    make_registry,
    make_stored,
    text_vector,
)

BUILT_IN = [make_condition("atrial-flutter"), make_condition("sinus-rhythm")]
TEXT = "hyperkalaemia with peaked T waves"
NEW = Registration(TEXT, TEXT, "Hyperkalämie", ("high potassium",))


def registration(text: str, name: str = "", *synonyms: str) -> Registration:
    return Registration(text, text, name or text, synonyms)


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
    again, is_new = registry.add(registration("Hyperkalemia, with peaked T waves", "other name"))
    assert again is first
    assert not is_new


def test_a_wording_goes_on_naming_what_it_named_first() -> None:
    registry = make_registry(BUILT_IN)
    first, _ = registry.add(registration("one new thing", "sinus rhythm", "shared"))
    second, is_new = registry.add(registration("another new thing", "Shared", "Atrial flutter"))
    assert is_new
    find = registry.finder()
    wordings = ("sinus rhythm", "atrial flutter", "shared", "another new thing")
    found = [condition.id for wording in wordings if (condition := find(wording))]
    assert found == ["sinus-rhythm", "atrial-flutter", first.id, second.id]


def test_too_many_conditions_are_refused() -> None:
    registry = make_registry(BUILT_IN, max_registered=1)
    registry.add(NEW)
    with pytest.raises(InvalidQuery) as caught:
        registry.add(registration("one more"))
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

    def embed(text: str) -> NDArray[np.float32]:
        embedded.append(text)
        return text_vector(text)

    registry = make_registry(BUILT_IN, embed=embed)
    added, _ = registry.add(NEW)
    registry.all()
    registry.get(added.id)
    assert embedded == [NEW.text]


@pytest.mark.parametrize(
    "foreign",
    [
        make_stored("x", embedding=text_vector("something else"), encoder_digest="b" * 64),
        make_stored("x", embedding=np.zeros(2, np.float32)),
        make_stored("x", embedding=np.full(DIMENSION, np.nan, np.float32)),
        make_stored("x", embedding=np.ones(DIMENSION, np.float32)),
    ],
    ids=["another encoder's", "wrong size", "not finite", "no unit vector"],
)
def test_an_embedding_that_does_not_fit_is_never_used(foreign: StoredCondition) -> None:
    store = MemoryStore()
    store.add(foreign)
    registry = make_registry(BUILT_IN, store)
    np.testing.assert_array_equal(registry.get("x").embedding, text_vector(foreign.text))
    assert store.conditions["x"] is foreign
    assert registry.renew_embeddings() == 1
    np.testing.assert_array_equal(store.conditions["x"].embedding, text_vector(foreign.text))
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
        lambda: registry.add(registration("one more")),
    ):
        with pytest.raises(StoreUnavailable):
            call()
