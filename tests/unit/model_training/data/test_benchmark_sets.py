"""The label sets of the benchmark, joined with recordings as their releases name them."""

import numpy as np
import pytest

from ecg_core.conditions import Catalogue
from model_training.data.releases.benchmark import class_labels, read_sets, split_file

CATALOGUE = Catalogue.load()


def write_csn(folder, rows):
    for part in ("train", "val", "test"):
        file = folder / split_file("csn", part)
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"/chapman/WFDBRecords/01/010/{name}.mat,9,x,{af},1\n" for name, af in rows[part]]
        file.write_text("ecg_path,age,diagnose,AFIB,SR\n" + "".join(lines))


def test_a_recording_named_by_its_path_has_the_classes_of_its_name(tmp_path):
    write_csn(tmp_path, {"train": [("JS1", 1)], "val": [], "test": [("JS2", 0), ("JS3", 1)]})
    ids = ["WFDBRecords/01/010/JS2", "WFDBRecords/01/010/JS9"]
    sources = {"chapman-shaoxing-ningbo"}
    tables = read_sets(tmp_path, sources, ids)
    assert tables.keys() == {"csn"}
    assert len(tables["csn"]) == 3
    (labels,) = class_labels(tables, ids, CATALOGUE)
    place = labels.conditions.index("atrial-fibrillation")
    np.testing.assert_array_equal(labels.targets[:, place], [0, np.nan])
    assert len(read_sets(tmp_path, sources, ids, parts=("test",))["csn"]) == 2


def test_a_recording_that_a_set_lists_twice_is_refused(tmp_path):
    write_csn(tmp_path, {"train": [("JS1", 1)], "val": [("JS1", 0)], "test": []})
    with pytest.raises(ValueError, match="csn: 1 recordings are listed twice"):
        read_sets(tmp_path, {"chapman-ningbo"}, ["JS1"])


def test_other_sources_are_in_no_set(tmp_path):
    assert read_sets(tmp_path, {"code-15", "mimic-iv-ecg"}, ["1"]) == {}


@pytest.mark.shared
@pytest.mark.parametrize(
    ("source", "name", "listed"), [("cpsc2018", "cpsc2018", 6877), ("chapman-ningbo", "csn", 23026)]
)
def test_the_benchmarks_own_files_are_read_whole(shared, source, name, listed):
    tables = read_sets(shared / "data/zero-shot-benchmark", {source}, ["A0001"])
    assert len(tables[name]) == listed
    class_labels(tables, ["A0001"], CATALOGUE)
