import json
from argparse import Namespace

from ecg_core.preprocessing import PreprocessingSpec
from model_training.models.ecg_encoder import EcgEncoderConfig
from model_training.recipes.check_scale import ScaleCheck
from model_training.run.config import load_config
from model_training.run.recordings import CONFIGS


def test_the_papers_configuration_is_valid_and_its_windows_fit_its_encoder():
    config = load_config(CONFIGS / "mimic_iv_ecg.yaml")
    assert config.ecg_encoder.tokens(config.preprocessing.window_samples) == 100
    assert (CONFIGS / config.labels.extraction).exists()


def test_it_trains_for_the_steps_it_is_told_and_says_what_it_took(tmp_path):
    config = load_config(CONFIGS / "supreme.yaml").model_copy(
        update={
            "ecg_encoder": EcgEncoderConfig(width=2, branch_dimension=8),
            "preprocessing": PreprocessingSpec(window_s=1.0),
        }
    )
    arguments = Namespace(
        steps=4, batch_size=3, recordings=5, conditions=6, text_dimension=8, device="cpu"
    )
    figures = ScaleCheck(config, arguments, tmp_path).run()
    assert figures["steps_timed"] == 3
    assert figures["input"] == [12, 100]
    assert figures["recordings_a_second"] > 0
    assert json.loads(json.dumps(figures)) == figures
