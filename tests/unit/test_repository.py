"""The repository as a whole: budgets, versions, paths, links, and what the README promises."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from cardioquery.cli.exits import ExitCode
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api_schemas", "cardioquery", "ecg_core", "model_training", "service")
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_FUNCTION_LINES = 10
# Put together here, so that this file holds none of them itself.
MACHINE_PATHS = re.compile("|".join(f"/{name}/" for name in ("home", "root", "work", "Users")))
TEXT_SUFFIXES = {".py", ".toml", ".md", ".yaml", ".yml", ".json", ".txt", ".cfg", ".ini", ""}
LINK = re.compile(r"\]\((?!https?://)([^)#\s]+)(#[^)\s]*)?\)")

WANTED_TARGETS = (
    *("setup", "run", "demo", "test", "check", "train", "evaluate", "export", "bench"),
    *("help", "clean"),
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def project_files() -> list[Path]:
    """What is, or would be, in version control."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    ).stdout  # fmt: skip
    paths = [ROOT / name for name in listing.split("\0") if name]
    return [path for path in paths if path.is_file()]


def modules() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".py"]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, Function) and node.end_lineno is not None:
            yield f"{path.relative_to(ROOT)}:{node.name}", node.end_lineno - node.lineno + 1


def markdown_files() -> list[Path]:
    return [path for path in project_files() if path.suffix == ".md"]


def settings_table() -> dict[str, str]:
    """Name and default of each row of the README's table."""
    rows = re.findall(
        r"^\| `CARDIOQUERY_(\w+)` \| (.*?) \|", (ROOT / "README.md").read_text(), re.M
    )
    return {name.lower(): default for name, default in rows}


def test_no_module_is_over_its_budget() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in modules()}
    assert {p.name: n for p, n in lengths.items() if n > MAX_MODULE_LINES} == {}


def test_no_function_is_over_its_budget() -> None:
    lengths = dict(item for path in modules() for item in functions(path))
    assert {name: n for name, n in lengths.items() if n > MAX_FUNCTION_LINES} == {}


def test_functions_of_the_packages_are_short() -> None:
    packaged = [path for path in modules() if path.relative_to(ROOT).parts[0] in PACKAGES]
    lengths = sorted(length for path in packaged for _, length in functions(path))
    assert lengths[len(lengths) // 2] <= MAX_MEDIAN_FUNCTION_LINES


def test_no_file_holds_a_path_of_one_machine() -> None:
    texts = (path for path in project_files() if path.suffix in TEXT_SUFFIXES)
    found = {
        str(path.relative_to(ROOT)) for path in texts if MACHINE_PATHS.search(path.read_text())
    }
    assert found == set()


def test_no_file_names_a_package_index() -> None:
    options = re.compile(
        "|".join(("--index" + "-url", "--extra-index" + "-url", "--find" + "-links"))
    )
    files = [ROOT / name for name in ("Makefile", "pyproject.toml", "constraints.txt", ".ci/run")]
    assert [path.name for path in files if options.search(path.read_text())] == []


def test_version_is_the_same_everywhere() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest.group(1) == stated
    assert version("cardioquery") == stated


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    stated = [*project["dependencies"], *(line for name in extras if name != "gpu"
                                          for line in extras[name])]  # fmt: skip
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    pinned = {normal_name(line) for line in pins if line and not line.startswith("#")}
    assert {normal_name(line) for line in stated} <= pinned
    assert all(re.fullmatch(r"[\w.-]+==[\w.!]+", line) for line in pins if line[:1] != "#")


def normal_name(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None
    return re.sub(r"[-_.]+", "-", name.group()).lower()


def test_every_setting_is_in_the_readme_and_nothing_else() -> None:
    assert sorted(settings_table()) == sorted(Settings.model_fields)


@pytest.mark.parametrize(
    "name",
    [name for name, field in Settings.model_fields.items() if field.default_factory is None],
)
def test_default_in_the_readme_is_the_one_in_the_code(name: str) -> None:
    default = Settings.model_fields[name].default
    shown = '["cpu"]' if name == "providers" else str(default)
    assert settings_table()[name] == f"`{shown}`"


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target, _ in LINK.findall(path.read_text())]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_exit_codes_of_the_command_are_documented() -> None:
    documented = re.findall(r"^\| (\d) \|", (ROOT / "docs/client.md").read_text(), re.M)
    assert [int(code) for code in documented] == sorted(ExitCode)


def test_every_make_target_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.M)
    assert phony is not None
    described = re.findall(r"^([a-z-]+):.*## ", makefile, re.M)
    assert sorted(phony.group(1).split()) == sorted(described)
    assert set(WANTED_TARGETS) <= set(described)


def test_import_contracts_are_kept() -> None:
    # Of this interpreter, whether or not its environment is activated.
    command = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-4000:]


@pytest.mark.parametrize(("name", "least"), [("security", 15), ("drills", 8)])
def test_every_test_that_a_document_names_is_there(name: str, least: int) -> None:
    document = (ROOT / f"docs/{name}.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", document))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > least
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []
    files = re.findall(r"`(tests/[\w/]+\.py)`", document)
    assert [name for name in files if not (ROOT / name).is_file()] == []
