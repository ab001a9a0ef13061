"""From the command line and conf/ to one checked ``RunConfig``.

Hydra composes: command line over preset over group; ``conf/preset_on_system/PRESET_SYSTEM.yaml``
says what a preset is on one system.  Here its complaints become messages that say which name was
meant, and keys that no run knows are refused however they are written.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields
from difflib import get_close_matches
from importlib.util import find_spec
from itertools import product
from typing import Any

import hydra
from hydra.conf import HydraConf
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException

from bench.config import rules
from bench.config.catalogue import GROUPS, choices, folders
from bench.config.schema import RunConfig
from bench.config.words import as_typed, quoted
from bench.errors import BenchError, nearest
from bench.paths import shipped

CONFIG_NAME = "config"
FREE = "model.options."  # begins the keys that a class from outside declares
BUDGETS = ("training.steps", "training.epochs")  # exactly one of them decides
# Launchers that come from a plugin, by the extra that installs it.
_LAUNCHERS = {
    "slurm": ("slurm", "hydra_submitit_launcher"),
    "submitit_slurm": ("slurm", "hydra_submitit_launcher"),
    "submitit_local": ("slurm", "hydra_submitit_launcher"),
}


def register_schema() -> None:
    """Make the dataclasses of ``bench.config.schema`` the schema of conf/config.yaml."""
    ConfigStore.instance().store(name="run_schema", node=RunConfig)


def compose(overrides: Sequence[str] = ()) -> RunConfig:
    """The configuration of one run.

    Args:
        overrides: as on the command line, such as ``model=scf_qeq`` or ``training.epochs=3``.

    Raises:
        BenchError: an unknown or misspelt key or choice, a wrong type, a value no run can use.
    """
    overrides = as_typed(overrides)
    check_overrides(overrides)
    register_schema()
    with _plain_words(), hydra.initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        config = hydra.compose(CONFIG_NAME, hydra_words(overrides))
    return typed(config)


def typed(config: DictConfig) -> RunConfig:
    """Hydra's configuration as dataclasses, checked.

    Raises:
        BenchError: as in ``compose``.
    """
    with _plain_words():
        run = OmegaConf.to_object(OmegaConf.merge(OmegaConf.structured(RunConfig), config))
    assert isinstance(run, RunConfig)
    rules.check(run)
    return run


def each_choice(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Override lists that together contain every value of a sweep at least once.

    ``model=a,b seed=0,1`` gives three lists, not four: enough to find every mistake in one key.
    """
    values = [_values(override) for override in _parse(as_typed(overrides, sweeps=True))]
    first = [options[0] for options in values]
    yield first
    for place, options in enumerate(values):
        for option in options[1:]:
            yield [*first[:place], option, *first[place + 1 :]]


def combinations(overrides: Sequence[str]) -> list[list[str]]:
    """The override lists of all runs of a sweep, in Hydra's order: the last key changes fastest."""
    values = [_values(override) for override in _parse(as_typed(overrides, sweeps=True))]
    return [list(choice) for choice in product(*values)]


def hydra_words(words: Sequence[str]) -> list[str]:
    """What Hydra is given for what was typed: it searches ./conf, adds free options, and a budget
    that was typed takes the place of the preset's."""
    free = [f"++{word}" if word.startswith(FREE) else word for word in words]
    return [*search_path(words), *free, *_other_budget(words)]


def _other_budget(words: Sequence[str]) -> list[str]:
    """Steps typed empty the epochs of preset or group, and epochs the steps."""
    typed = dict(word.lstrip("+").split("=", 1) for word in words if "=" in word)
    given = [key for key in BUDGETS if typed.get(key, "null") != "null"]
    return [f"{key}=null" for key in BUDGETS if len(given) == 1 and key not in typed]


def search_path(overrides: Sequence[str]) -> list[str]:
    """The override that lets Hydra search the user's ./conf, too."""
    own = folders()[1:]
    if not own or any(o.startswith("hydra.searchpath=") for o in overrides):
        return []
    return [f"hydra.searchpath=[{quoted(f'file://{own[0].absolute()}')}]"]


def check_overrides(overrides: Sequence[str]) -> None:
    """Refuse keys and choices that do not exist, before Hydra sees them.

    Raises:
        BenchError: with the nearest valid name.
    """
    for override in _parse(overrides):
        key = override.key_or_group
        if key.startswith("hydra"):
            _check_hydra(override)
            continue
        if override.is_delete():
            raise BenchError(f"{override.input_line}: keys cannot be removed.", "Leave it out.")
        if key in GROUPS:
            _check_choices(override)
        elif key.startswith(FREE):
            continue  # the model's class knows them
        elif key not in _keys():
            raise BenchError(f"{override.input_line}: the key {key} does not exist.", _meant(key))
        if override.is_add():
            plain = str(override.input_line).lstrip("+")
            raise BenchError(f"+{plain}: the key {key} exists already.", f"Write {plain}")


def _parse(overrides: Sequence[str]) -> list[Override]:
    for text in overrides:
        if "=" not in text and not text.startswith("~"):
            raise BenchError(f"{text} is no setting.", f"Write key=value, such as {text}=VALUE.")
    with _plain_words():
        return OverridesParser.create().parse_overrides(list(overrides))


def _values(override: Override) -> list[str]:
    """``key=value`` for each value that an override sweeps over."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    key, pattern = override.get_key_element(), override.value()
    if isinstance(pattern, Glob):
        names = pattern.filter(list(choices(override.key_or_group)))
        if not names:
            raise BenchError(f"{override.input_line} matches nothing.", _allowed(override))
        return [f"{key}={name}" for name in names]
    if not override.is_discrete_sweep():
        raise BenchError(f"{override.input_line} has no values to run one by one.", "List them.")
    return [f"{key}={value}" for value in override.sweep_string_iterator()]


def _allowed(override: Override) -> str:
    group = override.key_or_group
    return nearest("", choices(group)) if group in GROUPS else f"{group} is no group of choices."


def _check_choices(override: Override) -> None:
    group = override.key_or_group
    for option in _values(override):
        name = option.split("=", 1)[1]
        if name not in choices(group):
            raise BenchError(f"{group}={name} does not exist.", nearest(name, choices(group)))


def _check_hydra(override: Override) -> None:
    """Hydra checks its own keys, but not those that a plus adds to them."""
    key, *inner = override.key_or_group.split(".")
    if override.key_or_group == "hydra/launcher":
        _check_launcher(str(override.value()))
    known = [f.name for f in fields(HydraConf)]
    if key == "hydra" and inner and inner[0] not in known:
        raise BenchError(
            f"{override.input_line}: Hydra has no key {inner[0]}.", nearest(inner[0], known)
        )


def _check_launcher(name: str) -> None:
    extra, plugin = _LAUNCHERS.get(name, ("", ""))
    installed = find_spec("hydra_plugins") and find_spec(f"hydra_plugins.{plugin}")
    if plugin and not installed:
        raise BenchError(
            f"hydra/launcher={name} needs the package {plugin.replace('_', '-')}.",
            f"pip install 'electromlip-bench[{extra}]'",
        )


def _keys() -> list[str]:
    """All keys of a run, dotted, with the keys that hold others."""

    def walk(node: Any, prefix: str) -> Iterator[str]:
        for name, value in node.items():
            yield prefix + name
            if isinstance(value, dict):
                yield from walk(value, f"{prefix}{name}.")

    schema = OmegaConf.to_container(OmegaConf.structured(RunConfig))
    return list(walk(schema, ""))


def _meant(key: str) -> str:
    """The existing key that a misspelt one probably is, with its neighbours."""
    parent, _, name = key.rpartition(".")
    elsewhere = [k for k in _keys() if k.rpartition(".")[2] == name]
    siblings = [k for k in _keys() if k.rpartition(".")[0] == parent]
    alike = elsewhere or get_close_matches(key, siblings or _keys(), n=1, cutoff=0.0)
    return f"Did you mean '{alike[0]}'? All keys: bench run --help"


@contextmanager
def _plain_words() -> Iterator[None]:
    """Turn the complaints of Hydra and OmegaConf into ours."""
    try:
        yield
    except OverrideParseException as error:
        raise BenchError(f"{error.override} cannot be read: {error}.") from error
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ or error.__context__ or error
        if isinstance(cause, ConfigKeyError):
            where, key = str(error).split(":")[0], str(cause.full_key)
            raise BenchError(f"{where}: the key {key} does not exist.", _meant(key)) from error
        if isinstance(cause, MissingMandatoryValue):
            raise BenchError(f"{cause.full_key} has no value.", "Give it a value.") from error
        lines = dict.fromkeys(str(e).splitlines()[0] for e in (error, cause))
        raise BenchError(" ".join(lines)) from error
