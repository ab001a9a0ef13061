"""A trained ``short_range`` as mace-torch's ScaleShiftMACE: weights and constructor arguments.

Two files that nobody needs this package for: ``NAME.safetensors``, the whole state dict under
mace-torch's names, and ``NAME.json`` with the arguments of the constructor as plain types.
"""

from __future__ import annotations

import bench.mace_import  # noqa: F401  # isort: skip  before mace

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from e3nn import o3
from mace import modules
from mace.modules.models import ScaleShiftMACE
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from bench.backbone.model import random_stream
from bench.errors import BenchError
from bench.inference.mace_torch import mace_arguments
from bench.models.base import Point
from bench.models.short_range import ShortRange
from bench.storage import replacing, write_json

CLASS = "ScaleShiftMACE"


def write_mace(model: Point, path: Path) -> tuple[Path, Path]:
    """Write both files; returns their paths.

    Its atomic energies are those of the baseline.  What the baseline has of charge over volume has
    no place in a MACE: energies of charged cells lack Q Σ s_Z / V, the numbers are in the JSON.

    Args:
        model: with its weights.
        path: of the weights, by custom ``NAME.safetensors``.

    Raises:
        BenchError: a point that is more than its backbone.
    """
    arguments = _plain_arguments(model)
    mace = _built(arguments, model.graph_settings.dtype)
    ours = model.backbone.state_dict()
    left = mace.load_state_dict(ours, strict=False)
    assert not left.unexpected_keys and not _learned(mace) & set(left.missing_keys)
    weights = {name: t.detach().contiguous().clone() for name, t in mace.state_dict().items()}
    with replacing(path) as temporary:
        save_file(weights, temporary)
    content = {
        "class": f"mace.modules.models.{CLASS}",
        "mace_torch": version("mace-torch"),
        "dtype": str(model.graph_settings.dtype).removeprefix("torch."),
        "arguments": arguments,
        "potential_shifts": dict(
            zip(map(str, model.facts.elements), model.facts.baseline.potential_shifts)
        ),
    }
    return path, write_json(path.with_suffix(".json"), content)


def read_mace(path: Path) -> ScaleShiftMACE:
    """mace-torch's model from the two files of ``write_mace``.

    Args:
        path: of the weights.

    Raises:
        BenchError: a file lacks, or they do not belong together.
    """
    described = path.with_suffix(".json")
    for file in (path, described):
        if not file.is_file():
            raise BenchError(f"{file} does not exist.", "bench export run=FOLDER format=mace")
    try:
        content = json.loads(described.read_text(encoding="utf-8"))
        mace = _built(content["arguments"], getattr(torch, content["dtype"]))
        mace.load_state_dict(load_file(path))
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise BenchError(f"{path} and {described} are no model: {error}") from error
    return mace.eval()


def _plain_arguments(model: Point) -> dict[str, Any]:
    """The constructor's arguments: classes, irreps and the gate by name, arrays as lists."""
    if not isinstance(model, ShortRange):
        raise BenchError(
            f"model={model.config.name} is more than mace-torch's {CLASS}: its charges and their "
            "energy have no place there.",
            "format=mace is for model=short_range; other points: format=point.",
        )
    facts = model.facts
    given = mace_arguments(
        model.config,
        facts.elements,
        avg_num_neighbors=facts.avg_num_neighbors,
        scale=facts.force_scale,
    )
    named = {key: given[key].__name__ for key in ("interaction_cls", "interaction_cls_first")}
    irreps = {key: str(given[key]) for key in ("hidden_irreps", "MLP_irreps")}
    energies = {"atomic_energies": list(facts.baseline.atomic_energies), "gate": "silu"}
    return {**given, **named, **irreps, **energies}


def _built(arguments: dict[str, Any], dtype: torch.dtype) -> ScaleShiftMACE:
    """mace-torch's model from plain arguments."""
    given = dict(arguments)
    for key in ("interaction_cls", "interaction_cls_first"):
        given[key] = modules.interaction_classes[given[key]]
    for key in ("hidden_irreps", "MLP_irreps"):
        given[key] = o3.Irreps(given[key])
    given["gate"] = modules.gate_dict[given["gate"]]
    given["atomic_energies"] = torch.tensor(given["atomic_energies"], dtype=torch.float64).numpy()
    with random_stream(0, dtype):
        return ScaleShiftMACE(**given)


def _learned(mace: ScaleShiftMACE) -> set[str]:
    return {name for name, _ in mace.named_parameters()}
