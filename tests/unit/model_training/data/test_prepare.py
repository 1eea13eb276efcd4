"""The recipe that makes stores."""

from model_training.data.store import RecordingStore
from model_training.recipes.prepare import main
from tests.support import releases as build


def test_the_recipe_lists_faults_and_counts_what_is_left_out(tmp_path, capsys):
    source = build.write_ptb_xl(tmp_path / "r", count=4)
    (source / "SHA256SUMS.txt").unlink()
    (source / "records100/00000/00002_lr.dat").unlink()
    config = tmp_path / "run.yaml"
    config.write_text("preprocessing: {highpass_hz: 0.4}\nname: other\n")
    arguments = ["--release", "ptb-xl-100", "--source", str(source), "--store"]
    arguments += [str(tmp_path / "s"), "--config", str(config), "--verify"]
    assert main(arguments) == 2
    assert "missing_file: 1" in capsys.readouterr().err
    assert (tmp_path / "s/faults.csv").read_text() == "code,item,detail\nmissing_file,2,\n"
    assert main([*arguments, "--leave-out", "missing_file"]) == 0
    told = capsys.readouterr().out
    assert "3 recordings of 4" in told
    assert "left out, missing_file: 1" in told
    assert not (tmp_path / "s/faults.csv").exists()
    manifest = RecordingStore.open(tmp_path / "s").manifest
    assert manifest.preprocessing.highpass_hz == 0.4
