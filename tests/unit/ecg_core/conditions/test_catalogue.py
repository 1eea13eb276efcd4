"""The catalogue's code: joining files, finding, and refusing what contradicts itself."""

from importlib import resources

import pytest
from pydantic import ValidationError

from ecg_core.conditions import BenchmarkSet, Catalogue, ConditionKind


def condition(condition_id: str, **fields: object) -> str:
    """One condition in TOML, with a name after its id unless one is given."""
    merged = {
        "id": condition_id,
        "name": condition_id.replace("-", " "),
        "kind": "rhythm",
        "description": "It looks like this on the ECG.",
        **fields,
    }
    lines = (f"{name} = {value!r}".replace("'", '"') for name, value in merged.items())
    return "\n".join(["[[condition]]", *lines, ""])


def ambiguous(term: str, *may_mean: str) -> str:
    return f'[[ambiguous]]\nterm = "{term}"\nmay_mean = {list(may_mean)!r}\n'.replace("'", '"')


def make_catalogue(*files: str) -> Catalogue:
    return Catalogue(file.encode() for file in files)


def test_shipped_catalogue_is_read_once() -> None:
    assert Catalogue.load() is Catalogue.load()


def test_shipped_catalogue_joins_every_file_of_its_folder() -> None:
    folder = resources.files("ecg_core.conditions").joinpath("catalogue")
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    counts = [file.read_text("utf-8").count("[[condition]]\n") for file in files]
    assert len(files) == 8
    assert len(Catalogue.load().conditions) == sum(counts)


def test_conditions_and_ambiguous_terms_of_several_files_are_joined() -> None:
    catalogue = make_catalogue(
        condition("first-one") + ambiguous("both", "first-one", "second-one"),
        condition("second-one") + ambiguous("either", "second-one", "first-one"),
    )
    assert [c.id for c in catalogue.conditions] == ["first-one", "second-one"]
    assert [c.id for c in catalogue.ambiguous("Both")] == ["first-one", "second-one"]
    assert [c.id for c in catalogue.ambiguous("either")] == ["second-one", "first-one"]


def test_digest_covers_every_file_and_their_borders() -> None:
    first, second = condition("first-one"), condition("second-one")
    digests = {
        make_catalogue(first).digest,
        make_catalogue(first, second).digest,
        make_catalogue(second, first).digest,
        make_catalogue(first + second).digest,
        make_catalogue(first, second + "# a comment\n").digest,
    }
    assert len(digests) == 5
    assert make_catalogue(first, second).digest == make_catalogue(first, second).digest


def test_condition_is_found_by_each_of_its_keys() -> None:
    catalogue = make_catalogue(
        condition("first-one", synonyms=["Another Wording"], scp=["ONE"], snomed=["164889003"])
        + "classes = {csn = 'AFIB'}\n"
    )
    found = catalogue.get("first-one")
    assert found.kind is ConditionKind.RHYTHM
    assert found.wordings == ("first one", "Another Wording")
    assert catalogue.find("another-wordings") is found
    assert catalogue.by_scp("ONE") is found
    assert catalogue.by_snomed("164889003") is found
    assert catalogue.by_class("csn", "AFIB") is found
    assert catalogue.by_class(BenchmarkSet.CSN, "AFIB") is found


def test_unknown_keys_find_nothing() -> None:
    catalogue = make_catalogue(condition("first-one"))
    assert catalogue.find("something else") is None
    assert catalogue.find("") is None
    assert catalogue.ambiguous("something else") == ()
    assert catalogue.by_scp("X") is None
    assert catalogue.by_snomed("164889003") is None
    assert catalogue.by_class("csn", "X") is None
    with pytest.raises(KeyError):
        catalogue.get("second-one")


def test_ancestors_come_nearest_first_and_once() -> None:
    catalogue = make_catalogue(
        condition("low", broader=["left", "right"]),
        condition("left", broader=["top"]) + condition("right", broader=["top"]),
        condition("top"),
    )
    assert [c.id for c in catalogue.ancestors("low")] == ["left", "right", "top"]
    assert catalogue.ancestors("top") == ()


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (condition("first-one", name="other"), "share the id"),
        (condition("second-one", synonyms=["First one"]), "share the term"),
        (condition("second-one", scp=["ONE"]), "share the SCP code"),
        (condition("second-one", snomed=["164889003"]), "share the SNOMED id"),
        (condition("second-one", broader=["third-one"]), "no condition has the id"),
        (condition("second-one", broader=["second-one"]), "circle"),
        (ambiguous("first one", "first-one", "first-one"), "listed twice"),
        (ambiguous("several", "first-one", "third-one"), "no condition has the id"),
    ],
)
def test_contradictions_between_files_are_refused(second: str, message: str) -> None:
    first = condition("first-one", scp=["ONE"], snomed=["164889003"])
    with pytest.raises(ValueError, match=message):
        make_catalogue(first, second)


@pytest.mark.parametrize(
    "entry",
    [
        condition("Not A Slug"),
        condition("first-one", colour="red"),
        condition("first-one", kind="weather"),
        condition("first-one", snomed=["12"]),
        condition("first-one", name=""),
        condition("first-one") + ambiguous("several", "first-one"),
    ],
)
def test_entry_that_does_not_fit_the_model_is_refused(entry: str) -> None:
    with pytest.raises(ValidationError):
        make_catalogue(entry)


def test_condition_is_immutable_and_hashable() -> None:
    found = make_catalogue(condition("first-one")).get("first-one")
    assert len({found, found}) == 1
    with pytest.raises(ValidationError):
        found.name = "other"
