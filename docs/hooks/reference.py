"""What pages say of verbs, keys, metrics and names: made from the code when the site is built.

A page asks for it where it stands, ``<!-- made: keys -->``; another word than those of ``MADE``
stops the build.  A number within a sentence is ``{{ model.r_max }}``, the default of a key, or
``{{ bench.module.NAME }}``.
"""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_origin

import yaml

from bench.commands import VERBS
from bench.commands.complete import options_of
from bench.commands.data import VERBS as DATA
from bench.commands.run import USAGE
from bench.config import catalogue
from bench.config.catalogue import axes, choices
from bench.config.help import shown
from bench.config.key import Entry, entries
from bench.config.schema import RunConfig
from bench.evaluate.registry import METRICS
from bench.labels.keys import ENERGY_PARTS, energy_part_key
from bench.labels.quantities import QUANTITIES, Source
from bench.paths import shipped
from bench.train.log import COLUMNS, heading
from bench.verbs import Verb
from docs.hooks.tables import table

if TYPE_CHECKING:  # tests of what is made do without it
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

DATASETS = Path(__file__).parents[2] / "datasets"
_NUMBER = re.compile(r"\{\{ (?P<name>[\w.]+) \}\}")
_ASKED = re.compile(r"^<!-- made: (?P<what>.+?) -->$", re.MULTILINE)


def on_page_markdown(markdown: str, **_: object) -> str:
    """The page with what it asks for in the places where it does.

    Raises:
        KeyError: it asks for what nothing here makes, or for a key that does not exist.
        AttributeError: for a number that its module does not have.
    """
    made = _ASKED.sub(lambda asked: MADE[asked["what"]](), markdown)
    return _NUMBER.sub(lambda asked: f"{number(asked['name']):.12g}", made)


def number(name: str) -> float:
    """The default of a key, or what a module calls so.

    Args:
        name: such as ``model.r_max`` or ``bench.evaluate.added_charge.NEAR``.
    """
    module, _, attribute = name.rpartition(".")
    if name.startswith("bench."):
        return float(getattr(import_module(module), attribute))
    return float({entry.name: entry.value for entry in entries(RunConfig())}[name])


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """The pictures of the data sets lie beside the pages."""
    from mkdocs.structure.files import File

    for path in sorted(DATASETS.glob("*/structure.png")):
        name = f"datasets/{path.parent.name}.png"
        files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def verbs() -> str:
    """Every verb, those of ``bench data`` after the others, with its options."""
    ours = {name: verb for name, verb in VERBS.items() if name != "data"}
    within = {f"data {name}": verb for name, verb in DATA.items()}
    return "\n\n".join(_verb(name, verb) for name, verb in {**ours, **within}.items())


def _verb(name: str, verb: Verb) -> str:
    kinds = options_of(verb.module)
    own = [kind for kind in kinds if kind is not RunConfig]
    told = [inspect.cleandoc(kind.__doc__ or "") for kind in own] or [USAGE.partition("\n\n")[2]]
    options = [entry for kind in own for entry in entries(kind())]
    rows = [_row(entry) for entry in options if not entry.key.rest]
    parts = [f"## `bench {name}`", *map(_paragraphs, told)]
    parts += [table(("option", "default", "meaning"), rows)] if rows else []
    if RunConfig in kinds:
        parts.append("It takes every [key of a run](keys.md).")
    return "\n\n".join(parts)


def _paragraphs(text: str) -> str:
    """A docstring, lines that are indented or aligned as they are typed."""
    paragraphs = text.split("\n\n")
    return "\n\n".join(f"```text\n{p}\n```" if "   " in p else p for p in paragraphs)


def keys() -> str:
    """Every key of a run under the heading it has in ``bench run --help``."""
    sections: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries(RunConfig(), section="run"):
        sections[entry.section].append(entry)
    heading = ("key", "default", "meaning")
    return "\n\n".join(
        f"## {section}\n\n{table(heading, map(_row, members))}"
        for section, members in sections.items()
    )


def _row(entry: Entry) -> tuple[str, str, str]:
    """A key, its value, and its meaning with unit and what is allowed."""
    name = f"{entry.name}.NAME" if get_origin(entry.kind) is dict else entry.name
    value = "" if name != entry.name or entry.value in ("", []) else f"`{shown(entry.value)}`"
    unit = f" [{entry.key.unit}]" if entry.key.unit else ""
    allowed = f"; {entry.key.allowed}" if entry.key.allowed else ""
    return f"`{name}`", value + unit, f"{entry.key.meaning}{allowed}"


def named(group: str) -> Callable[[], str]:
    """The choices of a group of conf/, each with its line."""
    return lambda: table(
        (f"`{group}=`", ""), [(f"`{name}`", text) for name, text in choices(group).items()]
    )


def presets() -> str:
    """What each preset sets, everywhere or on one system."""
    return table(
        ("`preset=`", "what for", "sets"),
        [
            (f"`{typed}`", line, ", ".join(f"`{word}`" for word in _set_by(_of_preset(typed))))
            for typed, line in catalogue.presets().items()
        ],
    )


def _of_preset(typed: str) -> Path:
    """The file of a preset, or of a preset on a system, as they are typed."""
    preset, _, system = typed.partition(" system=")
    file = f"{catalogue.ON_SYSTEM}/{preset}_{system}" if system else f"preset/{preset}"
    return shipped("conf") / f"{file}.yaml"


def _set_by(path: Path) -> Iterator[str]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    yield from (word for word in _typed(content) if not word.startswith("preset="))


def _typed(content: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _typed(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}={shown(value)}"


def models() -> str:
    """Every model with its place in the design space."""
    told = choices("model")
    rows = [
        (f"[`{name}`](../design_space/{name}.md)", told[name], place["density"], place["energy"])
        for name, place in axes().items()
    ]
    return table(("`model=`", "", "density", "energy beside the short-range one"), rows)


def metrics() -> str:
    """Every metric with unit, what is better, and what it and its count mean."""
    rows = [(f"`{m.name}`", m.unit, m.better, m.description) for m in METRICS.values()]
    return table(("metric", "unit", "better", "what (and what `n` counts)"), rows)


def quantities() -> str:
    """Keys and units of labels and predictions."""
    rows = [
        (
            "" if q.source is Source.derived else f"`{q.reference_key}`",
            f"`{q.predicted_key}`",
            q.unit,
            f"{'per atom, ' if q.per_atom else ''}{q.components}",
            q.description,
        )
        for q in QUANTITIES.values()
    ]
    return table(("reference", "prediction", "unit", "numbers", "what"), rows)


def energy_parts() -> str:
    """Keys of the parts of a predicted energy."""
    rows = [(f"`{energy_part_key(name)}`", text) for name, text in ENERGY_PARTS.items()]
    return table(("key", "eV"), rows)


def log_columns() -> str:
    """Columns of the training log."""
    return ", ".join(f"`{heading(column)}`" for column in COLUMNS)


def probes() -> str:
    """Every probe with its question."""
    found = import_module("bench.probes.registry").PROBES  # imports torch
    rows = [
        (name, probe.question, "training decides" if probe.learned else "holds from the start")
        for name, probe in found.items()
    ]
    return table(("probe", "question", ""), rows)


def reference_data() -> str:
    """The page of the data sets, which ``bench data describe`` makes from their cards."""
    text = (DATASETS / "README.md").read_text(encoding="utf-8").partition("\n")[2]
    text = re.sub(r"\((\w+)/structure\.png\)", r"(datasets/\1.png)", text)
    return re.sub(r"\[(\w+)\]\(\w+/card\.yaml\)", r"`\1`", text)


def point(name: str) -> Callable[[], str]:
    """The keys and training modes of a model, and what it predicts beside energy and forces."""

    def told() -> str:
        base = import_module("bench.models.base")  # imports torch
        kind = import_module("bench.models.registry").point_class(name)
        options = [key for key in _of_models() if key in kind.options - base.BACKBONE_OPTIONS]
        modes = ", ".join(f"`{mode.name}`" for mode in kind.modes)
        predicted = ", ".join(f"`{label}`" for label in sorted(kind.predicts))
        keys = ", ".join(f"`model.{option}`" for option in options)
        trained = f"{modes}; recommended: `{kind.recommended.name}`" if modes else ""
        return "\n".join(
            [
                f"- predicts beside energy and forces: {predicted or 'nothing'}",
                f"- keys beside the [backbone's](../reference/keys.md): {keys or 'none'}",
                f"- training modes: {trained or 'none, nothing is self-consistent'}",
            ]
        )

    return told


def _of_models() -> list[str]:
    """Keys of ``model.*`` in their order."""
    return [e.name.removeprefix("model.") for e in entries(RunConfig()) if "model." in e.name]


MADE: dict[str, Callable[[], str]] = {
    "verbs": verbs,
    "keys": keys,
    "presets": presets,
    "models": models,
    "systems": named("system"),
    "metrics": metrics,
    "quantities": quantities,
    "energy parts": energy_parts,
    "log columns": log_columns,
    "probes": probes,
    "reference data": reference_data,
    **{f"point {name}": point(name) for name in choices("model")},
}
