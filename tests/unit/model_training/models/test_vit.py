import warnings

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from ecg_core.preprocessing import PreprocessingSpec
from model_training.export.graphs import export_graph, largest_difference
from model_training.models.ecg_encoder import AnyEncoderConfig, EcgEncoder, EcgEncoderConfig
from model_training.models.fusion import FusionConfig
from model_training.models.network import CardioQueryNetwork
from model_training.models.vit import VitEncoderConfig

TINY = VitEncoderConfig(
    window_samples=200, patch_samples=20, width=24, depth=3, heads=3, feed_forward=32, branches=2
)


def test_the_default_is_the_papers_size():
    encoder = EcgEncoder(VitEncoderConfig(), leads=12)
    assert sum(p.numel() for p in encoder.parameters()) == pytest.approx(5.5e6, rel=0.01)
    assert VitEncoderConfig().tokens(5000) == 100


def test_the_kind_chooses_the_encoder():
    read = TypeAdapter(AnyEncoderConfig).validate_python
    assert isinstance(read({"kind": "vit"}), VitEncoderConfig)
    assert isinstance(read({"kind": "resnet1d"}), EcgEncoderConfig)
    with pytest.raises(ValidationError):
        read({"kind": "vit", "kernel_samples": 7})


@pytest.mark.parametrize("off", [{"patch_samples": 30}, {"heads": 5}])
def test_what_does_not_divide_is_refused(off):
    with pytest.raises(ValidationError, match="must divide"):
        VitEncoderConfig.model_validate(TINY.model_dump() | off)


def test_windows_of_another_length_are_refused():
    fusion = FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8)
    with pytest.raises(ValueError, match="200 samples, not 1000"):
        CardioQueryNetwork(TINY, fusion, PreprocessingSpec(), text_dimension=8)


def test_the_network_says_in_the_manifest_what_the_encoder_gives():
    fusion = FusionConfig(dimension=8, layers=1, heads=2, feed_forward=8, adapter=8)
    spec = PreprocessingSpec(window_s=2.0)
    network = CardioQueryNetwork(TINY, fusion, spec, text_dimension=8)
    features = network.encoder(torch.randn(2, 12, 200))
    said = network.encoder_spec
    assert (said.kind, *features.shape) == ("vit", 2, said.tokens, said.dimension)


def test_its_graph_agrees_with_torch(tmp_path):
    torch.manual_seed(0)
    encoder = EcgEncoder(TINY, leads=12).eval()
    windows = torch.randn(5, 12, 200)
    path = tmp_path / "encoder.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about its own future
        export_graph(
            encoder, {"windows": windows[:2]}, "features", {"windows": {0: "window"}}, path
        )
    cases = [{"windows": windows}, {"windows": windows[:1]}]
    assert largest_difference(encoder, path, cases) <= 1e-5
