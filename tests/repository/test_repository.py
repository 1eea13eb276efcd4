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
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from cardioquery.cli.exits import ExitCode
from service.settings import Settings
from tests.support.configuration_page import PAGE, configuration_page

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("api_schemas", "cardioquery", "ecg_core", "model_training", "service")
MAX_README_LINES = 130
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 60
MAX_MEDIAN_FUNCTION_LINES = 10
# Put together here, so that this file holds none of them itself.
MACHINE_PATHS = re.compile("|".join(f"/{name}/" for name in ("home", "root", "work", "Users")))
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
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
    files = [ROOT / name for name in ("Makefile", "pyproject.toml", ".ci/run")]
    assert [path.name for path in files if options.search(path.read_text())] == []
    assert [path.name for path in LOCKS if "://" in path.read_text()] == []


def test_version_is_the_same_everywhere() -> None:
    stated = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.M)
    assert newest is not None
    assert newest.group(1) == stated
    assert version("cardioquery") == stated


def locked(name: str) -> dict[str, str]:
    """Versions by names; none is without a hash, but for torch's."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    if name != "torch":
        assert [line for line in lines if " --hash=sha256:" not in line] == []
    stated = [Requirement(line.partition(" --hash")[0]) for line in lines]
    assert len({each.name for each in stated}) == len(stated)
    return {canonicalize_name(each.name): str(each.specifier) for each in stated}


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("cpu", ["cpu"]),
        ("gpu", ["gpu"]),
        ("train", ["cpu", "train"]),
        ("everything", ["cpu", "otel", "train", "bench", "dev"]),
    ],
)
def test_every_requirement_is_pinned_with_hashes(name: str, extras: list[str]) -> None:
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())
    project = table["project"]
    stated = [*project["dependencies"], *table["build-system"]["requires"]]
    stated += [line for extra in extras for line in project["optional-dependencies"][extra]]
    pins = locked(name) | (locked("torch") if "train" in extras else {})
    for requirement in map(Requirement, stated):
        version = pins[canonicalize_name(requirement.name)].removeprefix("==")
        assert requirement.specifier.contains(version), requirement


def test_the_lists_of_requirements_have_the_same_versions_and_no_torch() -> None:
    everything = locked("everything").items()
    assert locked("cpu").items() <= locked("train").items() <= everything
    cuda = re.compile("torch$|triton|nvidia|cuda")
    assert [name for name, _ in everything if cuda.match(name)] == []
    assert any(name.startswith("nvidia-cudnn") for name in locked("gpu"))


def test_page_of_settings_is_the_one_that_the_code_makes() -> None:
    assert PAGE.read_text() == configuration_page()


def test_every_setting_says_what_follows_from_it() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize("path", markdown_files(), ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target, _ in LINK.findall(path.read_text())]
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_exit_codes_of_the_command_are_documented() -> None:
    documented = re.findall(r"^\| (\d) \|", (ROOT / "docs/use/client.md").read_text(), re.M)
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
    document = (ROOT / f"docs/operate/{name}.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", document))
    tests = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    assert len(named) > least
    assert [name for name in sorted(named) if f"def {name}(" not in tests] == []
    files = re.findall(r"`(tests/[\w/]+\.py)`", document)
    assert [name for name in files if not (ROOT / name).is_file()] == []
