"""The page of all settings, made from their docstrings: `make configuration` writes it.

A setting's default is what stands in the code; where it is made when the service starts, the table
says by what.
"""

import json
from pathlib import Path

from pydantic.fields import FieldInfo

from service.settings import Settings
from tests.support.paths import REPOSITORY

PAGE = REPOSITORY / "docs" / "use" / "configuration.md"
_MADE_AT_START = {
    "default_store_path": "`cardioquery/conditions.sqlite3` in the user's data folder",
    "available_cores": "the cores, shared among the workers",
    "half_of_the_cores": "half of the cores",
}
_HEAD = """# Configuration

Made from the docstrings of `service/settings.py` by `make configuration`; a test compares the two.

All options of the service come from the environment; `cardioquery serve` also takes `--host` and
`--port`. What shapes an answer (preprocessing, prompts, calibration) is not among them: it comes
from the bundle. The command line and the clients read `CARDIOQUERY_URL` (where the service is) and
`CARDIOQUERY_API_KEY`.

| Variable | Default | What follows from it |
|---|---|---|
"""


def configuration_page() -> str:
    """The page's text."""
    return _HEAD + "".join(
        f"| `CARDIOQUERY_{name.upper()}` | {_default(field)} | {_description(field)} |\n"
        for name, field in Settings.model_fields.items()
    )


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return _MADE_AT_START[field.default_factory.__name__]
    value = field.default
    if value is None:
        return "not set"
    if isinstance(value, Path):
        return "the bundle inside the package"
    return f"`{json.dumps(list(value)) if isinstance(value, tuple) else value}`"


def _description(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(configuration_page())
