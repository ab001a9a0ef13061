"""What a paper says of models, as numbers of runs: each with its error bar and its command."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from bench.evaluate.bootstrap import mean_interval
from bench.evaluate.registry import CHARGE_DIFFERENCE, DIPOLE_SLOPE
from bench.report.digits import digits
from bench.report.paper.field_response import series_by_kind
from bench.report.paper.scene import Scene, over_seeds, scenes
from bench.report.paper.training_modes import modes
from bench.runs.collection import Collection

COLUMNS = ["claim", "quantity", "unit", "system", "preset", "model", "value", "low", "high"]
COLUMNS += ["std", "seeds", "n", "command"]
TINY = 1e-6  # rounding of what is zero
SLOPE, STATES = f"{DIPOLE_SLOPE.name}_rmse", f"{CHARGE_DIFFERENCE.name}_rmse"


@dataclass(frozen=True)
class Claim:
    """A sentence and where its numbers come from.

    Attributes:
        text: the sentence.
        quantity: what is measured.
        numbers: of a scene by label: mean, std, low, high, seeds, n and unit.
        command: that shows them, but for the folder.
    """

    text: str
    quantity: str
    numbers: Callable[[Scene], pd.DataFrame]
    command: str


def claims(found: Collection) -> pd.DataFrame:
    """A row for each claim, system, preset and model that has its number.

    ``value`` is the mean over seeds; ``low`` to ``high`` Student's 95 % interval of it where there
    are several seeds, whose standard deviation is ``std``, else the bootstrap's over geometries.

    Args:
        found: runs of a study.

    Returns:
        ``COLUMNS``; no row where no run says anything of a claim.
    """
    rows = [row for scene in scenes(found) for claim in CLAIMS for row in _rows(claim, scene)]
    table = pd.DataFrame(rows, columns=COLUMNS)
    order = {claim.text: place for place, claim in enumerate(CLAIMS)}
    return table.sort_values("claim", key=lambda text: text.map(order), kind="stable")


def _rows(claim: Claim, scene: Scene) -> Iterator[dict[str, object]]:
    numbers = claim.numbers(scene)
    for label, number in numbers.iterrows():
        yield {
            "claim": claim.text,
            "quantity": claim.quantity,
            "system": scene.system,
            "preset": scene.preset,
            "model": label,
            "value": number["mean"],
            **{key: number[key] for key in ("unit", "low", "high", "std", "seeds", "n")},
            "command": claim.command,
        }


def _plain(metric: str) -> Callable[[Scene], pd.DataFrame]:
    """A metric of the plain experiments, in the order of the design space."""

    def numbers(scene: Scene) -> pd.DataFrame:
        values = scene.values(metric)
        return values.loc[[label for label in scene.points if label in values.index]]

    return numbers


def _by_mode(metric: str) -> Callable[[Scene], pd.DataFrame]:
    """A metric of points that were trained in several modes, direct first."""

    def numbers(scene: Scene) -> pd.DataFrame:
        table, values = modes(scene), scene.values(metric)
        several = table.groupby("model")["mode"].nunique()
        table = table[table["model"].isin(several.index[several > 1])]
        known = table[table["label"].isin(values.index)]
        named = values.loc[known["label"]]
        names = [f"{model}, {mode}" for model, mode in zip(known["model"], known["mode"])]
        return named.set_axis(pd.Index(names))

    return numbers


def over_reference(scene: Scene) -> pd.DataFrame:
    """dM/dE of what is on the metal, alone, over DFT's: each run's mean over its series.

    Of a single seed the interval is the bootstrap's over the series.
    """
    kinds = series_by_kind(scene).items()
    alone = [s for kind, s in kinds if kind.endswith(" alone") and kind != "metal alone"]
    if not alone:
        return scene.values(DIPOLE_SLOPE.name).iloc[:0]
    of = scene.metrics[scene.metrics["subset"].isin(alone[0]) & scene.metrics["plain"]]
    keys = ["label", "run", "subset"]
    slope, reference = (
        of[of["name"] == name].set_index(keys)["value"]
        for name in (DIPOLE_SLOPE.name, f"{DIPOLE_SLOPE.name}_reference")
    )
    each = (slope / reference).dropna().rename("value").reset_index().assign(unit="1")
    per_run = each.groupby(["label", "run", "unit"], sort=False)["value"].mean().reset_index()
    numbers = over_seeds(per_run).assign(n=len(alone[0]))
    for label in numbers.index[numbers["seeds"] == 1]:
        values = each.loc[each["label"] == label, "value"].to_numpy(float)
        low, high = _spread(values)
        numbers.loc[label, ["low", "high"]] = low, high
    return numbers.loc[[label for label in scene.points if label in numbers.index]]


def _spread(values: np.ndarray) -> tuple[float, float]:
    groups = [str(place) for place in range(len(values))]
    return mean_interval([values[k : k + 1] for k in range(len(values))], groups) or (
        np.nan,
        np.nan,
    )


def as_text(table: pd.DataFrame, kind: str, places: Sequence[str]) -> str:
    """The claims with three digits: CSV, or Markdown with the interval beside each value.

    Args:
        table: of ``claims``.
        kind: of ``bench.report.formats.FORMATS``; all but ``csv`` are Markdown.
        places: folders of the runs, for the commands.
    """
    numbers = ["value", "low", "high", "std"]
    shown = table.assign(**{name: table[name].map(_three) for name in numbers})
    shown["command"] = shown["command"].str.replace("RUNS", " ".join(places))
    if kind == "csv":
        return str(shown.to_csv(index=False))
    lines = ["| claim | quantity | system | model | value | seeds | n |", "|" + " --- |" * 7]
    before = ("", "")
    for row in shown.to_dict("records"):
        said = (row["claim"], row["quantity"])
        unit = "" if row["unit"] == "1" else f" {row['unit']}"
        ends = f" ({row['low']} to {row['high']})" if row["low"] else ""
        cells = [*(("", "") if said == before else said), row["system"], row["model"]]
        cells += [f"{row['value']}{ends}{unit}", str(row["seeds"]), str(row["n"])]
        lines.append(f"| {' | '.join(cells)} |")
        before = said
    told = "Values: mean over seeds, with the 95 % interval of Student or of the bootstrap."
    commands = "\n".join(dict.fromkeys(shown["command"]))
    return "\n".join([*lines, "", told, "", commands]) + "\n"


def _three(value: float) -> str:
    if not np.isfinite(value):
        return ""
    return "0" if abs(value) < TINY else digits(value)


TABLE = "bench table RUNS metrics="
CLAIMS = (
    Claim(
        "Local charges do not respond to a field",
        "RMSE of dM/dE",
        _plain(SLOPE),
        TABLE + SLOPE,
    ),
    Claim(
        "Charge equilibration polarises insulators too much",
        "dM/dE of what is on the metal, alone, over DFT's",
        over_reference,
        "bench figures field_response runs=RUNS",
    ),
    *(
        Claim(
            "Direct training is worse once its density is iterated",
            f"force RMSE {where}",
            _by_mode(metric),
            "bench figures training_modes runs=RUNS",
        )
        for where, metric in {
            "at the reference density": "forces_at_reference_rmse",
            "at self-consistency": "forces_rmse",
        }.items()
    ),
    Claim(
        "Full states at one Fermi level meet charge states; smooth energies do not",
        "RMSE of E(Q) − E(0)",
        _plain(STATES),
        TABLE + STATES,
    ),
)
