"""Pictures of a comparison, as PNG files. The only module that draws."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings

# It keeps a cache of fonts, by default in a home that a server need not have.
os.environ.setdefault("MPLCONFIGDIR", str(Path(settings.VAR_DIR) / "matplotlib"))

from matplotlib.figure import Figure

# Told apart also without colours, by their order in the legend and on the axis (Okabe and Ito 2008).
_COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")

NAMES: Final = ("booked", "relevance", "evenness")


def draw(comparison: Mapping[str, Any]) -> dict[str, bytes]:
    """PNGs by the names of `NAMES`, of a comparison as JSON."""
    rows: Sequence[Mapping[str, Any]] = comparison["results"]
    return {
        "booked": _png(_booked(rows)),
        "relevance": _png(_relevance(rows)),
        "evenness": _png(_evenness(rows)),
    }


def write(comparison: Mapping[str, Any], folder: Path) -> list[Path]:
    """The same as files of that name in a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, png in draw(comparison).items():
        path = folder / f"{name}.png"
        path.write_bytes(png)
        paths.append(path)
    return paths


def _booked(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Bars: the share of mentors booked, by policy, with its interval."""
    policies = _policies(rows)
    figure = Figure(figsize=(8, 0.9 + 0.45 * len(policies)), layout="constrained")
    axes = figure.subplots()
    demands = _demands(rows)
    height = 0.8 / len(demands)
    for number, demand in enumerate(demands):
        chosen = {row["policy"]: row["booked"] for row in rows if _demand(row) == demand}
        known = [(at, chosen[name]) for at, name in enumerate(policies) if _is_known(chosen[name])]
        means = [value["mean"] for _at, value in known]
        axes.barh(
            [at + (number - (len(demands) - 1) / 2) * height for at, _value in known],
            means,
            height,
            xerr=[
                [value["mean"] - value["low"] for _at, value in known],
                [value["high"] - value["mean"] for _at, value in known],
            ],
            color=_COLOURS[number % len(_COLOURS)],
            label=f"demand {demand:g} of capacity",
            capsize=2,
        )
    axes.set_yticks(range(len(policies)), policies)
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.set_xlabel("mentors with room who were booked or met within four weeks, share")
    _legend(figure, "outside upper right", columns=3)
    return figure


def _relevance(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """What relevance an even load costs: booked by nDCG. Random is off the scale and left out."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for number, name in enumerate(_policies(rows)):
        shown = [
            row
            for row in rows
            if row["policy"] == name
            and _is_known(row["booked"])
            and _is_known(row["ndcg"])
            and row["ndcg"]["mean"] > 0.8
        ]
        if shown:
            axes.plot(
                [row["ndcg"]["mean"] for row in shown],
                [row["booked"]["mean"] for row in shown],
                marker="o^svDPX"[number % 7],
                color=_COLOURS[number % len(_COLOURS)],
                label=name,
            )
        for row in shown:
            axes.annotate(
                f" {_demand(row):g}", (row["ndcg"]["mean"], row["booked"]["mean"]), fontsize=8
            )
    axes.set_xlabel("nDCG@10 against relevance of those with room")
    axes.set_ylabel("mentors booked, share")
    axes.grid(alpha=0.3)
    _legend(figure, "outside right upper", columns=1)
    return figure


def _evenness(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Lorenz curves: which share of bookings the mentors with fewest have."""
    demands = _demands(rows)
    figure = Figure(figsize=(max(6.0, 4.0 * len(demands)), 4.5), layout="constrained")
    many = figure.subplots(1, len(demands), squeeze=False, sharey=True)[0]
    policies = _policies(rows)
    for axes, demand in zip(many, demands, strict=True):
        axes.plot([0, 1], [0, 1], color="#999999", linewidth=0.8)
        for row in rows:
            if _demand(row) == demand and row["lorenz"]:
                share = [at / (len(row["lorenz"]) - 1) for at in range(len(row["lorenz"]))]
                number = policies.index(row["policy"])
                axes.plot(
                    share,
                    row["lorenz"],
                    color=_COLOURS[number % len(_COLOURS)],
                    linestyle=("-", "--", ":", "-.")[number % 4],
                    label=row["policy"] if demand == demands[0] else None,
                )
        axes.set_title(f"demand {demand:g} of capacity", fontsize=10)
        axes.set_xlabel("mentors, fewest bookings first")
    many[0].set_ylabel("share of all bookings, by capacity")
    _legend(figure, "outside lower center", columns=2)
    return figure


def _legend(figure: Figure, loc: Any, *, columns: int) -> None:
    # Where nothing happened nothing is drawn, and a legend of nothing is warned of.
    if any(axes.get_legend_handles_labels()[0] for axes in figure.axes):
        figure.legend(loc=loc, ncols=columns, frameon=False)


def _png(figure: Figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _policies(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(str(row["policy"]) for row in rows))


def _demands(rows: Sequence[Mapping[str, Any]]) -> list[float]:
    return list(dict.fromkeys(_demand(row) for row in rows))


def _demand(row: Mapping[str, Any]) -> float:
    return float(row["demand_to_capacity"])


def _is_known(value: Mapping[str, float | None]) -> bool:
    return value["mean"] is not None
