"""The report's plots as small PNG files; the same data gives the same bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model_training.reporting.tables import BASE, Results

_SIZE_INCHES, _DPI = (4.5, 3.2), 110


def draw_plots(results: Results, folder: Path) -> list[Path]:
    """Draw what the results hold into `plots/` of the folder; removes what they do not hold."""
    for name in _PLOTS:
        _file(name, folder).unlink(missing_ok=True)
    drawn = (draw_plot(name, results, folder) for name in _PLOTS)
    return [file for file in drawn if file is not None]


def draw_plot(name: str, results: Results, folder: Path) -> Path | None:
    """Draw one of them, if the results hold it."""
    figure = Figure(figsize=_SIZE_INCHES, layout="constrained")
    if not _PLOTS[name](figure.add_subplot(), results):
        return None
    file = _file(name, folder)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=_DPI, metadata={"Software": None})
    return file


def _file(name: str, folder: Path) -> Path:
    return folder / "plots" / f"{name}.png"


def _reliability(axes: Axes, results: Results) -> bool:
    bins = results["calibration"].get("bins")
    if not bins:
        return False
    axes.plot([0, 1], [0, 1], "--", color="grey", linewidth=1)
    axes.plot([b["confidence"] for b in bins], [b["frequency"] for b in bins], "o-")
    axes.set(xlabel="probability answered", ylabel="share present", title="Reliability, fold 10")
    return True


def _abstention(axes: Axes, results: Results) -> bool:
    points = results["calibration"].get("abstention")
    if not points:
        return False
    axes.plot([p["coverage"] for p in points], [100 * p["error"] for p in points], "o-")
    axes.set(
        xlabel="share answered", ylabel="wrong, %", title="Abstention, fold 10", ylim=(0, None)
    )
    return True


def _learning_curve(axes: Axes, results: Results) -> bool:
    found: Results = results.get("ablations", {})
    rows = [row for name, row in found.items() if row["percent"] < 100 or name == BASE]
    if len(rows) < 2:
        return False
    rows.sort(key=lambda row: row["recordings"])
    for fold in ("fold_9", "fold_10"):
        areas = [row[fold]["auroc"] for row in rows]
        axes.plot([row["recordings"] for row in rows], areas, "o-", label=fold.replace("_", " "))
    axes.set(xlabel="training recordings", ylabel="macro AUROC, %", xscale="log")
    axes.legend()
    return True


def _unseen(axes: Axes, results: Results) -> bool:
    unseen = results.get("unseen")
    if not unseen:
        return False
    rows = {"ours": unseen, **unseen["peers"]}
    for height, row in enumerate(rows.values()):
        axes.plot(row["ci95"], [height, height], color="grey")
        axes.plot(row["auroc"], height, "o", color="C0")
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.set(xlabel="macro AUROC, % (95 % CI)", title="Conditions kept from training, fold 10")
    return True


_PLOTS: Mapping[str, Callable[[Axes, Results], bool]] = {
    "reliability": _reliability,
    "abstention": _abstention,
    "learning_curve": _learning_curve,
    "unseen": _unseen,
}
