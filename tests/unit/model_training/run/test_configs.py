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
    assert not config.fusion.memory
    assert config.warm_up is None
    assert config.signs is None


@pytest.mark.parametrize(
    ("name", "part", "said"),
    [
        ("ptbxl_cpu", {"warm_up": None}, "with a memory takes warm_up"),
        ("ptbxl_tokens", {"token_training": None}, "kind tokens takes signs without trees"),
        ("ptbxl_tokens", {"signs": None}, "kind tokens takes signs without trees"),
        ("supreme", {"signs": {"trees": {}}}, "without memory takes neither"),
    ],
)
def test_parts_that_do_not_fit_together_are_refused(name, part, said):
    config = load_config(CONFIGS / f"{name}.yaml").model_dump()
    with pytest.raises(ValidationError, match=said):
        RunConfig.model_validate(config | part)
