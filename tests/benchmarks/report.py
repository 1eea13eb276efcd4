"""docs/measured/benchmarks.json as tables: what stands between the marks in benchmarks.md."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.benchmarks.side_by_side import US

Figures = Mapping[str, Any]


def tables(figures: Figures) -> str:
    """All tables of a run, as Markdown."""
    parts = (_origin, _throughput, _ratios, _servers, _queries, _lengths, _cache, _load)
    return "\n\n".join(part(figures) for part in parts)


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *(list(map(_shown, row)) for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _origin(figures: Figures) -> str:
    made = figures["made_by"]["clients"]
    return (
        f"{made['date']}, {made['system']}, {made['cores']} cores, Python {made['python']}, "
        f"onnxruntime {made['onnxruntime']}, load before: {made['load_before']}; "
        f"model `{figures['model'][:19]}…`."
    )


def _throughput(figures: Figures) -> str:
    heads = ("clients", "server", "diagnoses/s", "p50 ms", "p95 ms", "p99 ms", "CPU ms each")
    rows = [
        (clients, name, *(its[key] for key in ("rps", "p50_ms", "p95_ms", "p99_ms", "cpu_ms")))
        for clients, found in figures["clients"].items()
        for name, its in found.items()
    ]
    limit = figures["limit"]
    bare = ("", "bare loop, no server", limit["rps"], "", "", "", limit["cpu_ms"])
    return _table(heads, [*rows, bare])


def _ratios(figures: Figures) -> str:
    peers = [name for name in figures["servers"] if name != US]
    heads = ("clients", "of the limit", "of the limit, by CPU", *peers)
    rows = [
        (
            clients,
            found["of_limit"],
            found["of_limit_by_cpu"],
            *(f"{found[peer]['rps']:g} × / {found[peer]['p99']:g} ×" for peer in peers),
        )
        for clients, found in figures["ratios"].items()
    ]
    return (
        "CardioQuery's throughput over the bare loop's; then its throughput / its p99 over each "
        "peer's (better: above 1 / below 1).\n\n" + _table(heads, rows)
    )


def _servers(figures: Figures) -> str:
    rows = [(name, its["ready_s"], its["memory_mb"]) for name, its in figures["servers"].items()]
    return _table(("server", "start to ready, s", "memory after the run, MiB"), rows)


def _queries(figures: Figures) -> str:
    return _series("cached queries", figures["queries"])


def _lengths(figures: Figures) -> str:
    return _series("recording, s", figures["lengths_s"])


def _series(kind: str, series: Figures) -> str:
    heads = (kind, "calls", "p50 ms", "p95 ms", "p99 ms", "in process p50 ms", "ratio", "MiB")
    keys = ("calls", "p50_ms", "p95_ms", "p99_ms", "in_process_p50_ms", "ratio", "memory_mb")
    rows = [(of, *(its.get(key, "") for key in keys)) for of, its in series.items()]
    return _table(heads, rows)


def _cache(figures: Figures) -> str:
    cache = figures["cache"]
    names = {"miss": "new free text", "hit": "cached free text", "catalogue": "name in catalogue"}
    rows = [(name, cache[key]["p50_ms"], cache[key]["p95_ms"]) for key, name in names.items()]
    return _table(("one query", "p50 ms", "p95 ms"), rows)


def _load(figures: Figures) -> str:
    load = figures["load"]
    half, much = load["half_load"], load["overload"]
    refused = much["refused"] or {"p50_ms": "", "p99_ms": "", "max_ms": "", "within_100_ms": ""}
    accepted = much["accepted"] or {"p50_ms": "", "p99_ms": ""}
    rows = [
        ("capacity", f"{load['capacity_rps']:g} diagnoses/s"),
        ("half load: p50, p95, p99", f"{half['p50_ms']}, {half['p95_ms']}, {half['p99_ms']} ms"),
        ("half load: p95 over p50", half["p95_over_p50"]),
        ("4 × capacity: sent", f"{much['rps']:g}/s for {much['seconds']:g} s"),
        ("accepted", f"{much['accepted_rps']:g}/s; p50 {accepted['p50_ms']}, "
                     f"p99 {accepted['p99_ms']} ms; {much['accepted_late']} beyond their deadline"),
        ("refused (503, 429)", f"p50 {refused['p50_ms']}, p99 {refused['p99_ms']}, "
                               f"worst {refused['max_ms']} ms"),
        ("refused within 100 ms", f"{refused['within_100_ms']} of them"),
        ("neither", much["other"]),
        ("throughput 2 s later", f"{much['afterwards_of_capacity']:g} of capacity"),
        ("memory before, after", "{before}, {after} MiB".format(**load["memory_mb"])),
    ]  # fmt: skip
    return _table(("under load", ""), rows)
