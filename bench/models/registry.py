"""Points by name: the module ``bench.models.<name>`` defines the point called ``<name>``.

A point from outside of the package has a configuration that names its class.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import torch

from bench.config.schema import Ensemble, Mode, ModelConfig, RunConfig
from bench.errors import BenchError, nearest
from bench.models.base import Point, build_point, own_options
from bench.models.facts import TrainingFacts, gather_facts
from bench.outside import load_class
from bench.paths import shipped

if TYPE_CHECKING:
    from bench.data.dataset import Dataset

DTYPES = {"float32": torch.float32, "float64": torch.float64}


def point_names() -> list[str]:
    """Every name in conf/model that has a module."""
    return sorted(path.stem for path in (shipped("conf") / "model").glob("*.yaml"))


def point_class(name: str) -> type[Point]:
    """The class of a point.

    Raises:
        BenchError: unknown name.
    """
    if name not in point_names():
        raise BenchError(f"There is no model={name}.", nearest(name, point_names()))
    module = importlib.import_module(f"bench.models.{name}")
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Point)
        and value.__module__ == module.__name__
    ]
    return found[0]


def class_of(config: ModelConfig) -> type[Point]:
    """The class of a configured point, ours or one from outside.

    Raises:
        BenchError: no such point, or a class that is none.
    """
    if not config.point:
        return point_class(config.name)
    found = load_class(config.point)
    if not issubclass(found, Point):
        raise BenchError(
            f"model.point={config.point} is no point.",
            "Let it inherit from bench.models.base.Point or a class that does.",
        )
    if missing := ", ".join(sorted(found.__abstractmethods__)):
        raise BenchError(f"model.point={config.point} does not define {missing}.")
    return found


def completed(config: RunConfig) -> RunConfig:
    """The configuration with every option of a class from outside, defaults included.

    Raises:
        BenchError: as ``class_of``, or an option that the class does not have or allow.
    """
    if not config.model.point:
        return config
    own = own_options(class_of(config.model), config.model)
    return replace(config, model=replace(config.model, options=asdict(own)))


def build_model(config: RunConfig, dataset: Dataset) -> Point:
    """A new point for a system, measured on its training set.

    Raises:
        BenchError: unknown point or type, an option or a training mode that the point cannot use.
    """
    facts = gather_facts(dataset.frames["train"], config.model)
    return model_from_facts(config, facts)


def model_from_facts(config: RunConfig, facts: TrainingFacts) -> Point:
    """The same point again without its dataset, for a checkpoint's weights."""
    if config.dtype not in DTYPES:
        raise BenchError(f"dtype={config.dtype} is unknown.", nearest(config.dtype, DTYPES))
    point = class_of(config.model)
    refuse_mode(point, config.model, config.training.mode)
    model = build_point(point, config.model, facts, dtype=DTYPES[config.dtype], seed=config.seed)
    check_device(config.device)
    return model.to(config.device)


def check_device(device: str) -> None:
    """Refuse a device that this machine or this build of torch does not have.

    Raises:
        BenchError: with the reason.
    """
    wanted, count = torch.device(device), torch.cuda.device_count()
    if wanted.type == "cuda" and (wanted.index or 0) >= count:
        build = "" if torch.version.cuda else "; this torch is built for CPUs alone"
        raise BenchError(f"device={device}: torch finds {count} GPUs here{build}.", "device=cpu")


def at_constant_charge(model: Point) -> Point:
    """The point itself, or one of the same weights whose total charge is held."""
    if model.config.ensemble is Ensemble.constant_charge:
        return model
    return with_options(model, ensemble=Ensemble.constant_charge, fermi_level=None)


def with_options(model: Point, **options: Any) -> Point:
    """Another point with the same weights and other options, such as ``ensemble``.

    Raises:
        BenchError: an option that the point does not use.
    """
    config = replace(model.config, **options)
    dtype, device = model.graph_settings.dtype, next(model.parameters()).device
    other = build_point(type(model), config, model.facts, dtype=dtype, seed=0)
    other.load_state_dict(model.state_dict())
    return other.to(device).train(model.training)


def refuse_mode(point: type[Point], config: ModelConfig, mode: Mode) -> None:
    """A training mode that does not apply is a mistake.

    Raises:
        BenchError: with the reason and the modes that apply.
    """
    if mode is Mode.auto or mode in point.modes:
        return
    if not point.modes:
        raise BenchError(
            f"training.mode={mode.value} does not apply to model={config.name}: "
            "its density is not self-consistent.",
            "Leave training.mode=auto.",
        )
    raise BenchError(
        f"training.mode={mode.value} does not apply to model={config.name}: its density is not "
        "found that way.",
        f"Modes that do: auto, {', '.join(m.value for m in point.modes)}.",
    )
