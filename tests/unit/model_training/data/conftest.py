"""Fixtures for the tests of releases and stores."""

from pathlib import Path

import pytest

from tests.support.releases import write_ptb_xl


@pytest.fixture(scope="session")
def ptb_xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven sound recordings as PTB-XL; not to be changed."""
    return write_ptb_xl(tmp_path_factory.mktemp("ptb-xl"), count=7)
