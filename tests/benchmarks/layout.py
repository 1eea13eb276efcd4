"""Folders, floors and import arrows of the packages, and their lines: prints JSON.

`python -m tests.benchmarks.layout` in a checkout of any commit, with this file's path where the
commit has none. A folder is a package that holds modules, and each module that stands beside
packages; an arrow goes from one to another that it imports from; floors are the longest way down.
The top of a package are the modules and folders in it, without `__init__.py` and `py.typed`.
"""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import grimp

PACKAGES = ("service", "model_training")
COUNTED = ("api_schemas", "cardioquery", "ecg_core", "model_training", "service", "tests")


def arrows(package: str) -> dict[str, set[str]]:
    """Folder -> the folders that it imports from."""
    graph = grimp.build_graph(package, cache_dir=None)
    found: dict[str, set[str]] = {}
    for module in graph.modules:
        own = _folder(module, graph)
        found.setdefault(own, set())
        for imported in graph.find_modules_directly_imported_by(module):
            if _folder(imported, graph) != own:
                found[own].add(_folder(imported, graph))
    return found


def _folder(module: str, graph: grimp.ImportGraph) -> str:
    parent = module.rpartition(".")[0]
    if graph.find_children(module) or any(map(graph.find_children, graph.find_children(parent))):
        return module
    return parent


def floors(graph: dict[str, set[str]]) -> int:
    """The longest way down; folders that import one another in a circle are on one floor."""
    reached = {folder: set(below) for folder, below in graph.items()}
    for middle in graph:
        for below in reached.values():
            if middle in below:
                below |= reached[middle]

    @cache
    def depth(folder: str) -> int:
        lower = (below for below in reached[folder] if folder not in reached[below])
        return 1 + max(map(depth, lower), default=0)

    return max(map(depth, graph))


def top(folder: str) -> int:
    """Modules and folders that stand in it."""
    entries = {Path(name).relative_to(folder).parts[0] for name in _tracked(folder)}
    return len(entries - {"__init__.py", "py.typed"})


def lines(folder: str) -> int:
    """Lines of the Python files that git tracks there."""
    return sum(len(Path(name).read_text().splitlines()) for name in _tracked(f"{folder}/*.py"))


def _tracked(paths: str) -> list[str]:
    command = ["git", "ls-files", "-z", paths]
    listed = subprocess.run(command, capture_output=True, text=True, check=True)
    return listed.stdout.split("\0")[:-1]


def main() -> None:
    """Print the figures of the checkout in the current folder."""
    sys.path.insert(0, str(Path.cwd()))
    graphs = {package: arrows(package) for package in PACKAGES}
    figures = {
        package: {
            "top": top(package),
            "folders": len(graph),
            "arrows": sum(map(len, graph.values())),
            "floors": floors(graph),
        }
        for package, graph in graphs.items()
    }
    counted = {folder: lines(folder) for folder in COUNTED}
    sys.stdout.write(json.dumps({**figures, "lines": counted}, indent=2) + "\n")


if __name__ == "__main__":
    main()
