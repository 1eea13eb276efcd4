from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from ecg_core.bundle import (
    CONDITION_EMBEDDINGS_FILE,
    Bundle,
    encoder_digest,
    load_bundle,
    parts_digest,
    read_model_card,
)
from ecg_core.conditions import Catalogue
from ecg_core.errors import InvalidBundle
from ecg_core.files import file_digest
from ecg_core.prompts import mean_embedding
from service.engine.queries.conditions import (
    SCP_SYSTEM,
    SNOMED_SYSTEM,
    built_in_conditions,
    term_key,
)
from service.settings import Settings
from service.storage.conditions.registration import understood_term
from tests.support.service import DIMENSION, FakeTextEncoder

CATALOGUE = Catalogue.load()
IDS = tuple(condition.id for condition in CATALOGUE.conditions)


def make_bundle(folder: Path, rows: NDArray[np.float32] | None = None, **changes: object) -> Bundle:
    """The shipped bundle's manifest, for other embeddings."""
    shipped = load_bundle(Settings().bundle_dir)
    text_encoder = shipped.manifest.text_encoder.model_copy(update={"dimension": DIMENSION})
    by_name = shipped.manifest.prompts.model_copy(update={"untrained_by_signs": False})
    prompts = [(by_name.render_condition(c),) for c in CATALOGUE.conditions]
    made = np.arange(len(IDS) * DIMENSION, dtype=np.float32).reshape(len(IDS), DIMENSION)
    np.save(folder / CONDITION_EMBEDDINGS_FILE, made if rows is None else rows)
    digest = file_digest(folder / CONDITION_EMBEDDINGS_FILE)
    manifest = shipped.manifest.model_copy(
        update={
            "text_encoder": text_encoder,
            "prompts": by_name,
            "conditions": IDS,
            "conditions_digest": parts_digest(prompts),
            "trained_conditions": ("atrial-fibrillation",),
            "files": shipped.manifest.files | {CONDITION_EMBEDDINGS_FILE: digest},
            **changes,
        }
    )
    return Bundle(folder, manifest, "0" * 64)


def test_embeddings_come_from_the_bundle_while_it_fits_the_catalogue(tmp_path: Path) -> None:
    encoder = FakeTextEncoder()
    conditions = built_in_conditions(make_bundle(tmp_path), CATALOGUE, encoder)
    assert tuple(condition.id for condition in conditions) == IDS
    assert conditions[1].embedding[0] == DIMENSION
    assert encoder.texts == []


@pytest.mark.parametrize(
    "changes", [{"conditions_digest": "0" * 64}, {"conditions": (*IDS[:-1], "gone-since")}]
)
def test_embeddings_of_another_catalogue_are_computed_anew(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    encoder = FakeTextEncoder()
    bundle = make_bundle(tmp_path, **changes)
    first = built_in_conditions(bundle, CATALOGUE, encoder)[0]
    prompts = bundle.manifest.prompts.render_condition(CATALOGUE.get(first.id))
    expected = mean_embedding(encoder.embed(prompts))
    np.testing.assert_array_equal(first.embedding, expected)


@pytest.mark.parametrize(
    "rows",
    [
        np.zeros((3, DIMENSION), np.float32),
        np.zeros((len(IDS), DIMENSION), np.float64),
        np.full((len(IDS), DIMENSION), np.nan, np.float32),
        np.array([object()]),
    ],
    ids=["shape", "type", "not finite", "pickled"],
)
def test_broken_embeddings_are_an_invalid_bundle(tmp_path: Path, rows: NDArray[np.float32]) -> None:
    with pytest.raises(InvalidBundle):
        built_in_conditions(make_bundle(tmp_path, rows), CATALOGUE, FakeTextEncoder())


def test_a_trained_condition_that_the_catalogue_lacks_is_told(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, trained_conditions=("atrial-fibrillation", "gone-since"))
    with pytest.raises(InvalidBundle, match="gone-since"):
        built_in_conditions(bundle, CATALOGUE, FakeTextEncoder())


def test_a_built_in_condition_carries_what_the_catalogue_says(tmp_path: Path) -> None:
    conditions = {
        c.id: c for c in built_in_conditions(make_bundle(tmp_path), CATALOGUE, FakeTextEncoder())
    }
    found, entry = conditions["atrial-fibrillation"], CATALOGUE.get("atrial-fibrillation")
    assert found.trained
    assert found.built_in
    assert set(found.wordings) == set(entry.wordings)
    assert [code.code for code in found.codes if code.system == SCP_SYSTEM] == list(entry.scp)
    assert [c.code for c in found.codes if c.system == SNOMED_SYSTEM] == list(entry.snomed)
    narrower = next(condition for condition in CATALOGUE.conditions if condition.broader)
    assert set(narrower.broader) <= conditions[narrower.id].relatives
    assert narrower.id in conditions[narrower.broader[0]].relatives


def test_spellings_of_one_term_have_one_key() -> None:
    assert term_key("ST-Strecken-Hebung") == term_key("st Streckenhebung")
    assert term_key("LBBB") != term_key("RBBB")


def test_the_encoders_digest_changes_with_all_that_shapes_an_embedding(tmp_path: Path) -> None:
    plain = make_bundle(tmp_path)
    prompts = plain.manifest.prompts.model_copy(update={"templates": ("ECG: {term}",)})
    files = plain.manifest.files | {"tokenizer.json": "0" * 64}
    others = [make_bundle(tmp_path, prompts=prompts), make_bundle(tmp_path, files=files)]
    assert len({encoder_digest(bundle) for bundle in (plain, *others)}) == 3
    unrelated = make_bundle(tmp_path, files=plain.manifest.files | {"fusion.onnx": "0" * 64})
    assert encoder_digest(unrelated) == encoder_digest(plain)


@pytest.mark.parametrize("card", ["[]", "{", '{"auroc": NaN}'])
def test_a_model_card_that_is_no_json_object_is_told(tmp_path: Path, card: str) -> None:
    (tmp_path / "model_card.json").write_text(card)
    with pytest.raises(InvalidBundle):
        read_model_card(make_bundle(tmp_path))


def test_what_was_registered_under_older_rules_stays_what_it_was() -> None:
    assert understood_term("suspected delta wave", CATALOGUE) == "delta wave"
    assert understood_term("neither one nor the other", CATALOGUE) == "neither one nor the other"


def test_an_untrained_condition_is_asked_by_its_signs_and_a_trained_one_by_its_name(
    tmp_path: Path,
) -> None:
    encoder = FakeTextEncoder()
    prompts = load_bundle(Settings().bundle_dir).manifest.prompts.model_copy(
        update={"untrained_by_signs": True}
    )
    bundle = make_bundle(tmp_path, prompts=prompts, conditions_digest="0" * 64)
    found = {c.id: c.embedding for c in built_in_conditions(bundle, CATALOGUE, encoder)}
    trained, untrained = (
        CATALOGUE.get(i) for i in ("atrial-fibrillation", "left-anterior-fascicular-block")
    )
    named = mean_embedding(encoder.embed(prompts.render_condition(trained)))
    np.testing.assert_allclose(found[trained.id], named, rtol=1e-6)
    assert len(untrained.signs) > 1
    signs = [mean_embedding(encoder.embed(prompts.render(sign))) for sign in untrained.signs]
    weighted = [sign / rank for rank, sign in enumerate(signs, start=1)]
    np.testing.assert_allclose(found[untrained.id], mean_embedding(weighted), rtol=1e-5)


def test_conditions_bear_the_base_rates_that_the_bundle_states_and_no_others(
    tmp_path: Path,
) -> None:
    bundle = make_bundle(tmp_path, base_rates={"atrial-fibrillation": 0.07})
    rates = {c.id: c.base_rate for c in built_in_conditions(bundle, CATALOGUE, FakeTextEncoder())}
    assert rates.pop("atrial-fibrillation") == 0.07
    assert set(rates.values()) == {None}


def test_a_bundle_from_before_base_rates_gives_none(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, base_rates=None)
    conditions = built_in_conditions(bundle, CATALOGUE, FakeTextEncoder())
    assert all(condition.base_rate is None for condition in conditions)


def test_conditions_say_what_sort_of_finding_they_are(tmp_path: Path) -> None:
    conditions = built_in_conditions(make_bundle(tmp_path), CATALOGUE, FakeTextEncoder())
    groups = {condition.id: condition.group for condition in conditions}
    assert groups["atrial-fibrillation"] == "rhythm"
    assert None not in groups.values()
