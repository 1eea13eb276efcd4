"""Prints what an image has to install: the project's dependencies and those of some extras.

They stand in `pyproject.toml` alone; in a layer of their own, a change of the code installs none
of them anew.
"""

import sys
import tomllib
from pathlib import Path

# The CUDA libraries that onnxruntime's CUDA build loads, as wheels.
_WITH_CUDA = {"onnxruntime-gpu": "onnxruntime-gpu[cuda,cudnn]"}


def requirements(project: dict[str, object], extras: list[str]) -> list[str]:
    """Requirements of a project, by its table `[project]`, with those of the extras.

    Raises:
        KeyError: There is no such extra.
    """
    lines = list(project["dependencies"])  # type: ignore[call-overload]
    for extra in extras:
        lines += project["optional-dependencies"][extra]  # type: ignore[index]
    for plain, with_cuda in _WITH_CUDA.items():
        lines = [line.replace(plain, with_cuda) for line in lines]
    return lines


if __name__ == "__main__":
    table = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    sys.stdout.write("\n".join(requirements(table, sys.argv[1:])) + "\n")
