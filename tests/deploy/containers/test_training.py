"""The training image: builds, refuses to start without recordings, trains and exports a model.

Some minutes and gigabytes: only by `make compose-test TRAINING=1`.
"""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.containers.stack import REPOSITORY, Completed, Stack

CONFIG = REPOSITORY / "model_training/recipes/configs/ptbxl_tokens.yaml"
TRAINING_S = 1200
EXPORTED = """
import json
from pathlib import Path
from ecg_core.bundle import MODEL_CARD_FILE, load_bundle
bundle = load_bundle(Path("service/bundle"))
card = json.loads(bundle.path(MODEL_CARD_FILE).read_text())
print(bundle.manifest.name, card["reference"] is not None, card["evaluation"] is not None)
"""


def small() -> dict[str, Any]:
    """The shipped run, with a network and a time that only show that all of it works."""
    config: dict[str, Any] = yaml.safe_load(CONFIG.read_text())
    config["name"] = "small"
    config["ecg_encoder"] |= {"width": 8, "branches": 1, "branch_dimension": 32}
    config["fusion"] |= {"sign_readers": 1, "hidden": 32}
    phases = config["token_training"]
    for phase in (
        config["fusion_training"],
        phases["signs"]["training"],
        phases["naming"]["training"],
    ):
        phase["epochs"] = 1
    return config


@pytest.fixture(scope="module")
def built_for_training(built: Stack) -> Stack:
    """The project with the image to train in."""
    if not os.environ.get("CARDIOQUERY_TEST_TRAINING"):
        pytest.skip("the training image is tested by `make compose-test TRAINING=1`")
    built.build_training()
    return built


def said(result: Completed) -> str:
    return result.stdout + result.stderr


def test_training_without_recordings_is_refused(built_for_training: Stack, tmp_path: Path) -> None:
    options = ["-v", f"{tmp_path}:/data:ro"]
    result = built_for_training.run_image(*options, built_for_training.training_image)
    assert result.returncode == 1
    assert "no recordings at /data/ptb-xl: set SHARED to the folder" in said(result)


@pytest.mark.shared
def test_profile_training_trains_and_exports_a_bundle(
    built_for_training: Stack, shared: Path, tmp_path: Path
) -> None:
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small()))
    tmp_path.chmod(0o755)
    options = ["-v", f"{tmp_path}:/configs:ro", "-v", f"{shared / 'data'}:/data:ro"]
    result = built_for_training.run(
        "training", "/configs/small.yaml", options=options, timeout_s=TRAINING_S
    )
    assert result.returncode == 0, said(result)[-4000:]
    loaded = built_for_training.run("training", "-c", EXPORTED, options=["--entrypoint", "python"])
    assert "small True True" in loaded.stdout, said(loaded)
