"""Every configuration is whole, and what does not fit together is refused."""

import pytest
from pydantic import ValidationError

from model_training.models.token_network import TokensConfig
from model_training.run.config import RunConfig, load_config
from model_training.run.recordings import CONFIGS


@pytest.mark.parametrize(
    "path",
    [path for path in sorted(CONFIGS.glob("*.yaml")) if path.name != "peers.yaml"],
    ids=lambda path: path.stem,
)
def test_a_configuration_is_whole(path):
    load_config(path)


@pytest.mark.parametrize("name", ["supreme", "mimic_iv_ecg"])
def test_supreme_as_published_has_nothing_beside_its_attention(name):
    config = load_config(CONFIGS / f"{name}.yaml")
    assert not isinstance(config.fusion, TokensConfig)
    assert config.signs is None
    assert config.token_training is None


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("ptbxl_tokens", {"token_training": None}, "kind tokens takes signs and token_training"),
        ("ptbxl_tokens", {"signs": None}, "kind tokens takes signs and token_training"),
        ("supreme", {"signs": {}}, "kind attention takes neither signs nor token_training"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(name, part, said):
    config = load_config(CONFIGS / f"{name}.yaml").model_dump()
    with pytest.raises(ValidationError, match=said):
        RunConfig.model_validate(config | part)


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("warm_up", {"warm_up": None}),
        ("text_adaptation", {"text_adaptation": None}),
        ("fusion.attention.memory", {"fusion": {"kind": "attention", "memory": False}}),
        ("signs.trees", {"signs": {"trees": None, "weight": 0.5}}),
        ("wordings.recall_sharpness", {"wordings": {"recall_sharpness": 15.0}}),
    ],
)
def test_what_only_the_first_kind_of_network_had_is_refused_as_unknown(key, part):
    config = load_config(CONFIGS / "supreme.yaml").model_dump()
    with pytest.raises(ValidationError, match=rf"{key}\n  Extra inputs are not permitted"):
        RunConfig.model_validate(config | part)
