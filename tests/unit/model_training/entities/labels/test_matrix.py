"""The ternary matrix, on disk and off, and conditions left out of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from ecg_core.signs import SIGNS
from model_training.entities import (
    LabelBuilder,
    LabelMatrix,
    LeftOut,
    Source,
    entity_statements,
    extract,
    load_label_matrix,
    save_label_matrix,
)
from model_training.entities.labels.merging import Statement
from model_training.entities.labels.storage import label_key

CATALOGUE = Catalogue.load()
LBBB, BBB = "complete-left-bundle-branch-block", "bundle-branch-block"
AF, RAPID_AF = "atrial-fibrillation", "atrial-fibrillation-with-rapid-ventricular-response"
REPORTS = {
    "a": "sinusrhythmus inferolateraler infarkt",
    "b": "kein vorhofflimmern",
    "c": "vorhofflimmern, linkshypertrophie möglich",
    "d": "",
    "e": "linksschenkelblock, rechtsschenkelblock ausgeschlossen",
}


def make_matrix(reports: dict[str, str] | None = None, min_count: int = 0) -> LabelMatrix:
    builder = LabelBuilder(CATALOGUE)
    for report_id, report in (REPORTS if reports is None else reports).items():
        builder.add(report_id, {Source.RULES: entity_statements(extract(report))})
    return builder.build(min_count)


def value(matrix: LabelMatrix, report_id: str, condition_id: str) -> float:
    row = matrix.rows(matrix.rows_of([report_id]))[0]
    return float(row[matrix.conditions.index(condition_id)])


def assert_same(one: LabelMatrix, other: LabelMatrix) -> None:
    for name in vars(one):
        if not name.startswith("_") and name != "targets":
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_labels_are_one_zero_doubt_and_nan() -> None:
    matrix = make_matrix()
    assert matrix.targets.dtype == np.float32
    assert matrix.targets.shape == matrix.shape == (5, len(matrix.conditions))
    assert (value(matrix, "b", AF), value(matrix, "c", AF)) == (0, 1)
    assert np.isnan(value(matrix, "a", AF))
    assert np.isnan(matrix.targets[3]).all()
    doubted = matrix.targets[:, matrix.conditions.index("left-ventricular-hypertrophy")]
    assert set(doubted[~np.isnan(doubted)].tolist()) == {0.5}  # only ever in doubt


def test_some_rows_are_the_rows_of_all() -> None:
    matrix = make_matrix()
    chosen = np.array([4, 0, 0, 3, 2])
    np.testing.assert_array_equal(matrix.rows(chosen), matrix.targets[chosen])
    assert matrix.rows([]).shape == (0, len(matrix.conditions))


def test_rows_are_found_by_id_and_an_unknown_one_says_nothing() -> None:
    matrix = make_matrix()
    rows = matrix.rows_of(["e", "nobody", "a"])
    assert rows.tolist() == [4, -1, 0]
    assert np.isnan(matrix.rows(rows)[1]).all()
    assert make_matrix({"17": "sinusrhythmus"}).rows_of([17]).tolist() == [0]


def test_every_label_has_its_provenance() -> None:
    provenance = make_matrix().provenance(0)
    assert provenance["myocardial-infarction"] == {
        "value": True, "source": "rules", "stated": "inferolateral-myocardial-infarction",
        "origin": "rule:infarct-inferolateral", "start": 14, "end": 37,
    }  # fmt: skip


def test_rare_conditions_are_dropped_and_counted() -> None:
    reports = {
        "1": "linksschenkelblock",
        "2": "sinusrhythmus",
        "3": "sinus rhythm",
        "4": "kein LSB",
    }
    matrix = make_matrix(reports, min_count=2)
    assert matrix.conditions == ("sinus-rhythm",)
    assert matrix.dropped[LBBB] == 1
    assert matrix.provenance(0) == {}
    assert matrix.targets[:, 0].tolist()[1:3] == [1, 1]


def test_two_reports_with_one_id_are_refused() -> None:
    builder = LabelBuilder(CATALOGUE)
    for report_id in ("x", "y", "x"):
        builder.add(report_id, {})
    with pytest.raises(ValueError, match="1 reports have the id of another"):
        builder.build()


def test_no_reports_make_an_empty_matrix(tmp_path: Path) -> None:
    matrix = make_matrix({})
    assert matrix.targets.shape == (0, 0)
    save_label_matrix(matrix, tmp_path / "labels", {}, {})
    assert load_label_matrix(tmp_path / "labels").shape == (0, 0)


def test_dense_rows_agree_with_a_plain_loop_on_many_labels() -> None:
    generator = np.random.default_rng(0)
    ids = [c.id for c in CATALOGUE.conditions]
    builder = LabelBuilder(CATALOGUE)
    expected = []
    for number in range(300):
        drawn = generator.choice(ids, generator.integers(0, 9), replace=False)
        stated = {i: Statement(bool(generator.integers(2)), "x") for i in drawn.tolist()}
        builder.add(str(number), {Source.LLM: stated})
        expected.append(stated)
    matrix = builder.build()
    for row, stated in zip(matrix.targets, expected, strict=True):
        for condition_id, statement in stated.items():
            if statement.value:
                assert row[matrix.conditions.index(condition_id)] == 1
        assert np.isfinite(row).sum() >= len(stated)


class TestOnDisk:
    def test_a_stored_matrix_comes_back_as_it_was(self, tmp_path: Path) -> None:
        matrix = make_matrix(min_count=1)
        save_label_matrix(matrix, tmp_path / "x", {"rules": "abc"}, {"name": "test"})
        assert_same(load_label_matrix(tmp_path / "x"), matrix)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    def test_a_changed_file_is_refused(self, tmp_path: Path) -> None:
        save_label_matrix(make_matrix(), tmp_path / "x", {}, {})
        with (tmp_path / "x/labels.npz").open("ab") as stream:
            stream.write(b"x")
        with pytest.raises(ValueError, match="not the file"):
            load_label_matrix(tmp_path / "x")

    def test_another_format_is_refused(self, tmp_path: Path) -> None:
        save_label_matrix(make_matrix(), tmp_path / "x", {}, {})
        path = tmp_path / "x/labels.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
        with pytest.raises(ValueError, match="format 99"):
            load_label_matrix(tmp_path / "x")

    def test_a_missing_folder_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            load_label_matrix(tmp_path / "nowhere")

    def test_a_failed_write_leaves_nothing_and_spares_the_old(self, tmp_path: Path) -> None:
        save_label_matrix(make_matrix(), tmp_path / "x", {}, {"version": 1})

        def fail(partial: Path) -> None:
            raise OSError("no space left")

        with pytest.raises(OSError, match="no space"):
            save_label_matrix(make_matrix({}), tmp_path / "x", {}, {}, fail)
        assert [path.name for path in tmp_path.iterdir()] == ["x"]
        assert load_label_matrix(tmp_path / "x").shape[0] == len(REPORTS)

    def test_the_key_is_that_of_the_parts(self) -> None:
        assert label_key(a=1, b=2) == label_key(b=2, a=1)
        assert label_key(a=1) != label_key(a=2)


class TestLeavingOut:
    def test_an_unknown_condition_is_refused(self) -> None:
        with pytest.raises(KeyError):
            LeftOut(["no-such-condition"], CATALOGUE)

    def test_no_training_wording_names_it(self) -> None:
        left_out = LeftOut([AF], CATALOGUE)
        assert {AF, RAPID_AF} <= left_out.conditions
        for condition in CATALOGUE.conditions:
            wordings = left_out.redacted(condition).wordings
            assert not any(left_out.is_mentioned(wording) for wording in wordings[1:])

    def test_other_conditions_keep_their_wordings(self) -> None:
        sinus = CATALOGUE.get("sinus-rhythm")
        assert LeftOut([AF], CATALOGUE).redacted(sinus) == sinus

    def test_a_sign_keeps_its_name_and_loses_wordings_that_name_what_is_left_out(self) -> None:
        left_out = LeftOut(["st-depression"], CATALOGUE)
        redacted = [left_out.redacted_sign(sign) for sign in SIGNS]
        assert [sign.name for sign in redacted] == [sign.name for sign in SIGNS]
        for sign in redacted:
            assert not any(map(left_out.is_mentioned, sign.wordings[1:]))
        assert sum(len(s.wordings) for s in redacted) < sum(len(s.wordings) for s in SIGNS)

    def test_a_condition_is_its_own_sign_where_a_sign_is_named_as_it_is(self) -> None:
        left_out = LeftOut(["st-depression", AF], CATALOGUE)
        assert left_out.is_its_own_sign(CATALOGUE.get("st-depression"))
        assert not left_out.is_its_own_sign(CATALOGUE.get(AF))

    def test_a_redacted_condition_names_no_other_but_keeps_its_own_name(self) -> None:
        left_out = LeftOut([AF], CATALOGUE)
        sinus = CATALOGUE.get("sinus-rhythm")
        assert left_out.redacted(sinus) == sinus
        telling = sinus.model_copy(
            update={"synonyms": ("no AF", "regular"), "description": "Not atrial fibrillation."}
        )
        redacted = left_out.redacted(telling)
        assert redacted.synonyms == ("regular",)
        assert redacted.description == redacted.name == sinus.name
