"""The figures and the page as they lie in docs/."""

import json
from typing import Any

import pytest

from tests.benchmarks.figures import OUTPUT, PAGE


@pytest.fixture
def documented() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(OUTPUT.read_text())
    if "clients" not in found:
        pytest.skip("benchmarks.json is of before the comparison: `make bench` renews it")
    return found


@pytest.fixture
def page() -> str:
    return PAGE.read_text()
