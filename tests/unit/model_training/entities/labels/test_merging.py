"""From statements to labels: the rule by which sources are merged."""

from collections import Counter

import pytest

from ecg_core.conditions import Catalogue
from model_training.entities import Source, entity_statements, extract
from model_training.entities.labels.matrix import DEFAULT_PRIORITY
from model_training.entities.labels.merging import NOWHERE, Disagreement, Label, Statement, merge
from model_training.entities.labels.scp import ScpCodes, parse_codes

AF, RAPID_AF = "atrial-fibrillation", "atrial-fibrillation-with-rapid-ventricular-response"
LBBB, BBB = "complete-left-bundle-branch-block", "bundle-branch-block"
MI, IMI, ASMI = (
    "myocardial-infarction",
    "inferior-myocardial-infarction",
    "anteroseptal-myocardial-infarction",
)
CODES = ["NORM", "AFIB", "SR", "CLBBB", "AMI", "ASMI", "PVC", "LVOLT"]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def said(report: str, *, uncertain_is_yes: bool = False) -> dict[str, bool | None]:
    stated = entity_statements(extract(report), uncertain_is_yes=uncertain_is_yes)
    return {condition_id: statement.value for condition_id, statement in stated.items()}


def merged(
    catalogue: Catalogue, found: Counter[Disagreement] | None = None, **values: dict[str, bool]
) -> dict[str, Label]:
    stated = {
        Source(source): {i: Statement(value, f"test:{i}") for i, value in conditions.items()}
        for source, conditions in values.items()
    }
    return merge(stated, DEFAULT_PRIORITY, catalogue, found)


def test_what_is_affirmed_is_yes_and_what_is_denied_no() -> None:
    assert said("vorhofflimmern, kein linksschenkelblock") == {AF: True, LBBB: False}


@pytest.mark.parametrize("report", ["z.n. vorhofflimmern", "früher vorhofflimmern", "", None])
def test_history_comparison_and_nothing_say_nothing(report: str) -> None:
    assert said(report) == {}


def test_doubt_is_kept_unless_it_is_asked_to_be_a_yes() -> None:
    assert said("vorhofflimmern möglich") == {AF: None}
    assert said("kein vorhofflimmern. vorhofflimmern möglich") == {AF: None}
    assert said("vorhofflimmern möglich", uncertain_is_yes=True) == {AF: True}


def test_a_no_does_not_take_back_a_yes() -> None:
    assert said("no atrial fibrillation. atrial fibrillation. no atrial fibrillation") == {AF: True}


def test_a_statement_holds_its_place_and_origin() -> None:
    statement = entity_statements(extract("sinusrhythmus"))["sinus-rhythm"]
    assert statement == Statement(True, "rule:sinus-rhythm", 0, 13)


def test_a_yes_is_a_yes_for_the_broader_and_tells_what_was_stated(catalogue: Catalogue) -> None:
    labels = merged(catalogue, rules={LBBB: True})
    assert labels[BBB].value
    assert labels[BBB].stated == LBBB
    assert labels[BBB].statement.origin == f"test:{LBBB}"


def test_a_no_is_for_itself_only(catalogue: Catalogue) -> None:
    assert merged(catalogue, rules={LBBB: False}).keys() == {LBBB}


def test_a_narrower_yes_takes_back_the_same_sources_broader_no(catalogue: Catalogue) -> None:
    labels = merged(catalogue, scp={"anterior-myocardial-infarction": False, ASMI: True, MI: False})
    assert labels[ASMI].value
    assert labels[MI].value
    assert labels[MI].stated == ASMI


@pytest.mark.parametrize("value", [True, False])
def test_the_source_of_higher_priority_is_heard(catalogue: Catalogue, value: bool) -> None:
    found: Counter[Disagreement] = Counter()
    labels = merged(catalogue, found, scp={LBBB: value}, llm={LBBB: not value}, rules={AF: True})
    assert labels[LBBB].source is Source.SCP
    assert labels[LBBB].value is value
    assert labels[AF].source is Source.RULES
    assert found == {(LBBB, Source.SCP, Source.LLM): 1}


def test_where_sources_agree_none_disagrees(catalogue: Catalogue) -> None:
    found: Counter[Disagreement] = Counter()
    merged(catalogue, found, scp={LBBB: True}, llm={LBBB: True}, rules={LBBB: True})
    assert not found


def test_a_yes_is_not_heard_if_a_source_above_denies_a_broader_one(catalogue: Catalogue) -> None:
    found: Counter[Disagreement] = Counter()
    labels = merged(catalogue, found, scp={AF: False}, rules={RAPID_AF: True})
    assert labels.keys() == {AF}
    assert found == {(RAPID_AF, Source.SCP, Source.RULES): 1}


def test_a_broader_yes_of_a_source_above_outlives_a_no_below(catalogue: Catalogue) -> None:
    labels = merged(catalogue, scp={LBBB: True}, rules={BBB: False})
    assert labels[BBB].value
    assert labels[BBB].source is Source.SCP


class TestScpCodes:
    def codes(self, catalogue: Catalogue, absence: str = "no") -> ScpCodes:
        return ScpCodes(catalogue, CODES, ["AFIB", "SR"], absence)  # type: ignore[arg-type]

    def test_a_code_is_yes_and_one_that_is_lacking_no(self, catalogue: Catalogue) -> None:
        stated = self.codes(catalogue).statements({"CLBBB", "SR"})
        assert stated[LBBB] == Statement(True, "code:CLBBB", NOWHERE, NOWHERE)
        assert stated[ASMI].value is False
        assert stated[AF].value is False

    def test_a_suspected_code_is_doubt_and_denies_no_broader_one(
        self, catalogue: Catalogue
    ) -> None:
        stated = self.codes(catalogue).statements({"ASMI?", "SR"})
        assert stated[ASMI].value is None
        assert "anterior-myocardial-infarction" not in stated
        assert stated[LBBB].value is False

    def test_without_a_rhythm_code_nothing_is_said_of_rhythms(self, catalogue: Catalogue) -> None:
        stated = self.codes(catalogue).statements({"CLBBB"})
        assert AF not in stated
        assert stated[ASMI].value is False

    def test_a_recording_without_codes_says_nothing(self, catalogue: Catalogue) -> None:
        assert self.codes(catalogue).statements(set()) == {}

    def test_absence_can_be_asked_to_say_nothing(self, catalogue: Catalogue) -> None:
        assert self.codes(catalogue, "not_said").statements({"CLBBB"}).keys() == {LBBB}

    def test_codes_that_stand_for_nothing_are_all_named(self, catalogue: Catalogue) -> None:
        with pytest.raises(ValueError, match="XX, YY"):
            ScpCodes(catalogue, ["YY", "SR", "XX"], [], "no")
        with pytest.raises(ValueError, match="not in the list: ZZ"):
            self.codes(catalogue).statements({"ZZ", "SR"})

    def test_the_digest_tells_what_is_read(self, catalogue: Catalogue) -> None:
        assert self.codes(catalogue).digest == self.codes(catalogue).digest
        assert self.codes(catalogue).digest != self.codes(catalogue, "not_said").digest

    @pytest.mark.parametrize(
        ("cell", "codes"),
        [
            ("{'SR': 0.0}", {"SR"}),
            ("", set()),
            (None, set()),
            ("{'IMI': 15.0, 'ASMI': 35.0, 'LVH': 50.0}", {"IMI?", "ASMI?", "LVH"}),
        ],
    )
    def test_cells_are_read(self, cell: object, codes: set[str]) -> None:
        assert parse_codes(cell) == codes

    @pytest.mark.parametrize(
        "cell", ["SR", "{", "[1]", "{1: 2}", "{'SR': 'x'}", "__import__('os')", "(" * 9999]
    )
    def test_other_cells_are_refused_without_being_run(self, cell: str) -> None:
        with pytest.raises(ValueError, match="no dictionary of codes"):
            parse_codes(cell)
