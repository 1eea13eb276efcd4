"""The check for GPUs, small and on a CPU: the very folder, in processes that know only torch."""

import json
import os
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

from ecg_core.bundle import load_bundle
from model_training.gpu_check.__main__ import PARTS, check, in_a_process
from model_training.gpu_check.graph import CarriedGraph, UnknownOperator
from model_training.gpu_check.serving import reference
from model_training.models.vit import VitEncoderConfig
from model_training.recipes.gpu_carry import carry, carry_graphs
from model_training.run.config import load_config
from model_training.run.recordings import CONFIGS
from service import SHIPPED_BUNDLE_DIR
from tests.support.one_thread import one_thread  # noqa: F401

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    config = load_config(CONFIGS / "mimic_iv_ecg.yaml")
    fusion = {"dimension": 16, "layers": 1, "feed_forward": 16, "adapter": 16}
    small = config.model_copy(
        update={
            "ecg_encoder": VitEncoderConfig(width=12, depth=1, heads=3, feed_forward=16),
            "fusion": config.fusion.model_copy(update=fusion),
        }
    )
    carried = tmp_path_factory.mktemp("gpu") / "carried"
    carry(carried, SHIPPED_BUNDLE_DIR, small, onnx_too=False)
    return carried


def run(folder, *arguments):
    # No PYTHONPATH: the package is the copy in the folder, as on the machine that it is carried to.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    command = [sys.executable, *arguments]
    environment |= {"OMP_NUM_THREADS": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300
    )


def told(folder, out):
    return Namespace(folder=folder, out=out, device="cpu", small=True, minutes=8.0)


def test_all_parts_run_and_the_file_says_what_they_found(folder, tmp_path):
    out = tmp_path / "gpu.json"

    def here(name, _):  # as `in_a_process`, without six starts of torch
        return PARTS[name](folder, torch.device("cpu"), True)

    assert check(told(folder, out), here)
    document = json.loads(out.read_text())
    parts = document["parts"]
    assert document["machine"]["device"] == "cpu"
    assert max(parts["parity"]["torch_float32"].values()) < 1e-5
    assert [row["recordings"] for row in parts["throughput"]["torch"]] == [1, 2, 4]
    assert parts["training"]["precision"] == "bfloat16"
    assert parts["training_compiled"]["compiled"] == "eager"
    assert parts["training_float32"]["step_ms"] > 0
    assert parts["loading"]["training_recordings_a_second"]["read_ahead"] > 0


def test_a_part_in_a_process_of_its_own_gives_figures_or_its_fault(folder, tmp_path):
    arguments = told(folder, tmp_path / "gpu.json")
    assert in_a_process(arguments, "training", 200.0)["recordings_a_second"] > 0
    nowhere = told(tmp_path / "nowhere", tmp_path / "gpu.json")
    assert "FileNotFoundError" in in_a_process(nowhere, "training", 200.0)["skipped"]


def test_it_needs_nothing_but_torch_and_numpy(folder):
    program = (
        "import sys, torch, numpy\n"
        "before = {name.partition('.')[0] for name in sys.modules}\n"
        "from gpu_check import __main__ as check\n"
        "from gpu_check.training import Step\n"
        "step = Step(check.Path(), torch.device('cpu'), torch.float32)\n"
        "step(torch.zeros(1, *step.shape))\n"
        "from gpu_check.serving import by_torch\n"
        "for name in ('ecg_encoder', 'text_encoder', 'fusion'):\n"
        "    by_torch(check.Path(), name, torch.device('cpu'))\n"
        "loaded = {name.partition('.')[0] for name in sys.modules} - before\n"
        "print(sorted(loaded & {'model_training', 'ecg_core', 'pydantic', 'onnx', 'yaml', 'scipy',"
        " 'onnxruntime', 'pandas'}))\n"
    )
    ended = run(folder, "-c", program)
    assert ended.stdout.strip() == "[]", ended.stderr


def test_parts_for_which_there_is_no_time_say_so(folder, tmp_path):
    out = tmp_path / "gpu.json"
    arguments = ["--minutes", "0.1", "--device", "cpu", "--small", "--out", str(out)]
    assert run(folder, "-m", "gpu_check", *arguments).returncode == 1
    parts = json.loads(out.read_text())["parts"]
    # A process alone takes longer to start than the second that is left.
    assert "within" in parts["parity"]["skipped"]
    assert parts["training_float32"]["skipped"] == "no time was left"


@pytest.mark.parametrize("name", ["ecg_encoder", "text_encoder", "fusion"])
def test_data_may_lie_elsewhere_while_shapes_stay_on_the_cpu(folder, name):
    # The device that computes nothing stands for a GPU: what mixes it with the CPU fails.
    graph = CarriedGraph(folder / f"{name}.graph.npz").to("meta")
    inputs, expected = reference(folder, name)
    output = graph({n: torch.from_numpy(array).to("meta") for n, array in inputs.items()})
    assert (output.device.type, output.shape) == ("meta", expected.shape)


def test_a_wrong_weight_shows_in_the_parity(folder):
    inputs, expected = reference(folder, "fusion")
    graph = CarriedGraph(folder / "fusion.graph.npz")
    given = {name: torch.from_numpy(array) for name, array in inputs.items()}
    assert np.abs(graph(given).numpy() - expected).max() < 1e-5
    largest = max(graph.buffers(), key=lambda weight: weight.numel())
    largest += 0.01
    assert np.abs(graph(given).numpy() - expected).max() > 1e-3


def test_an_operator_that_is_not_here_is_named(folder, tmp_path):
    with np.load(folder / "fusion.graph.npz") as kept:
        arrays = {name: kept[name] for name in kept.files}
    arrays["plan"] = np.array(str(arrays["plan"]).replace('"MatMul"', '"Bessel"'))
    np.savez(tmp_path / "odd.npz", **arrays)
    with pytest.raises(UnknownOperator, match="Bessel"):
        CarriedGraph(tmp_path / "odd.npz")


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not made by this"):
        carry(tmp_path, SHIPPED_BUNDLE_DIR, load_config(CONFIGS / "mimic_iv_ecg.yaml"))
    assert (tmp_path / "thesis.txt").exists()


def test_only_a_network_of_cross_attention_is_carried(tmp_path):
    with pytest.raises(TypeError, match="only a fusion of cross-attention"):
        carry(tmp_path / "new", SHIPPED_BUNDLE_DIR, load_config(CONFIGS / "ptbxl_tokens.yaml"))


def test_the_graphs_own_files_go_along_for_onnxruntime(tmp_path):
    manifest = load_bundle(SHIPPED_BUNDLE_DIR).manifest
    names = carry_graphs(tmp_path, Path(SHIPPED_BUNDLE_DIR), manifest)
    assert {f"{name}.onnx" for name in names} == {p.name for p in tmp_path.glob("*.onnx")}
