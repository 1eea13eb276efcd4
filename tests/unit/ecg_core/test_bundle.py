import json

import pytest

from ecg_core.bundle import (
    BUNDLE_FILES,
    MANIFEST_FILE,
    EcgEncoderSpec,
    FamiliaritySpec,
    Manifest,
    TextEncoderSpec,
    load_bundle,
    write_manifest,
)
from ecg_core.calibration import Calibration
from ecg_core.errors import InvalidBundle
from ecg_core.lead_sets import LeadSet, LeadSets
from ecg_core.preprocessing import PreprocessingSpec
from ecg_core.prompts import PromptTemplates


@pytest.fixture
def folder(tmp_path):
    for name in BUNDLE_FILES:
        (tmp_path / name).write_bytes(name.encode())
    write_manifest(
        tmp_path,
        Manifest(
            name="tiny",
            version="1",
            intended_use="tests",
            preprocessing=PreprocessingSpec(),
            prompts=PromptTemplates(),
            text_encoder=TextEncoderSpec(
                name="t", licence="MIT", pooling="mean", dimension=4, max_tokens=8
            ),
            ecg_encoder=EcgEncoderSpec(kind="resnet1d", tokens=63, dimension=8),
            calibration=Calibration(),
            familiarity=FamiliaritySpec(near_similarity=0.7),
            conditions=("normal-ecg",),
            conditions_digest="0" * 64,
            trained_conditions=("normal-ecg",),
            files={},
        ),
    )
    return tmp_path


def test_whole_bundle_is_loaded_and_has_a_digest(folder):
    bundle = load_bundle(folder)
    assert bundle.manifest.name == "tiny"
    assert len(bundle.digest) == 64
    assert bundle.digest == load_bundle(folder).digest


@pytest.mark.parametrize("name", BUNDLE_FILES)
def test_altered_file_is_refused_by_name(folder, name):
    (folder / name).write_bytes(b"altered")
    with pytest.raises(InvalidBundle, match=name):
        load_bundle(folder)


def test_all_missing_files_are_named_at_once(folder):
    for name in BUNDLE_FILES[:2]:
        (folder / name).unlink()
    with pytest.raises(InvalidBundle) as caught:
        load_bundle(folder)
    assert all(name in str(caught.value) for name in BUNDLE_FILES[:2])


LEAD_SETS = LeadSets(
    sets=(
        LeadSet(
            name="II", leads=("II",), temperature=1.2, bias=-0.5,
            calibrated=("normal-ecg",), uncalibrated=(),
        ),
    ),
    shortest_calibrated_s=5.0,
    poor_is_calibrated=False,
)  # fmt: skip


def test_what_is_answered_from_fewer_leads_comes_back_as_it_was_written(folder):
    manifest = load_bundle(folder).manifest
    assert manifest.lead_sets is None
    write_manifest(folder, manifest.model_copy(update={"lead_sets": LEAD_SETS}))
    assert load_bundle(folder).manifest.lead_sets == LEAD_SETS


def test_a_manifest_of_before_there_were_lead_sets_is_valid(folder):
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    del manifest["lead_sets"]
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    assert load_bundle(folder).manifest.lead_sets is None


def test_folder_without_a_manifest_is_refused(tmp_path):
    with pytest.raises(InvalidBundle, match=MANIFEST_FILE):
        load_bundle(tmp_path)


def test_manifest_with_unknown_or_missing_fields_is_refused(folder):
    manifest = json.loads((folder / MANIFEST_FILE).read_text())
    manifest["surprise"] = 1
    del manifest["calibration"]
    (folder / MANIFEST_FILE).write_text(json.dumps(manifest))
    with pytest.raises(InvalidBundle, match="calibration, surprise"):
        load_bundle(folder)


def test_changing_any_parameter_changes_the_digest(folder):
    before = load_bundle(folder).digest
    manifest = load_bundle(folder).manifest
    calibration = Calibration(temperature=1.5)
    write_manifest(folder, manifest.model_copy(update={"calibration": calibration}))
    assert load_bundle(folder).digest != before
