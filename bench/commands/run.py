"""``bench run``: one run, or with -m many, composed by Hydra."""

from __future__ import annotations

import os
import shlex
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig

from bench.config.catalogue import GROUPS, choices
from bench.config.compose import (
    CONFIG_NAME,
    FREE,
    compose,
    each_choice,
    hydra_words,
    register_schema,
    typed,
)
from bench.config.help import WIDTH, sections
from bench.config.key import entries
from bench.config.schema import RunConfig
from bench.config.study import GROUP as STUDY
from bench.config.study import written_out
from bench.config.words import as_typed
from bench.console import make_console
from bench.errors import BenchError, Busy, RunFailed, nearest, system_error
from bench.paths import shipped
from bench.verbs import HELP

USAGE = """\
usage: bench run [-m] [KEY=VALUE ...]

Train one model on one system, evaluate it, write a results folder.

  bench run model=scf_qeq system=pt_water          one run with preset=quick
  bench run training.steps=500 model.r_max=6.0     change any key of the list below
  bench run -m model=short_range,scf_qeq seed=0,1  every combination, one after the other
  bench run -m hydra/launcher=local seed=0,1,2     several at a time, a core each
  bench run -m study=NAME                          the sweep of conf/study/NAME.yaml
  bench run --cfg job                              only print the configuration

Interrupted runs resume with the same command; finished ones are found, not repeated. The command
line wins over the preset, the preset over the file of a model or system. Values below are those
of the words beside --help. Hydra's own keys: bench run --hydra-help"""
# Options of Hydra that make sense here, and whether a value follows. Not those that read other
# folders or pickles.
OPTIONS = {
    "-m": False,
    "--multirun": False,
    "-c": True,
    "--cfg": True,
    "-p": True,
    "--package": True,
    "--resolve": False,
    "-i": True,
    "--info": True,
    "--hydra-help": False,
}

INTERRUPTED = 130  # exit code
_LOSS = "training.loss."


@dataclass
class Jobs:
    """The function that Hydra calls for each run; in this process it keeps the exit codes.

    Hydra shows an exception of a job in its own way, so that here they become exit codes; jobs
    in other processes tell it where they are and raise, so that the launcher knows, too. A sweep
    passes over what another process computes.
    """

    sweeps: bool = False
    pid: int = field(default_factory=os.getpid)
    codes: list[int] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)  # reasons by place in the sweep

    def __call__(self, config: DictConfig) -> None:
        """Run one composed configuration."""
        from bench.runner import run

        try:
            run(typed(config), asked=_losses_typed())
            self.codes.append(0)
        except (BenchError, RunFailed, OSError) as error:
            if self.sweeps and isinstance(error, Busy):
                self._end(error.problem, "passed over", 0)
                return
            self.note(error)
            if os.getpid() != self.pid:
                raise

    def note(self, error: BenchError | RunFailed | OSError) -> None:
        """Say what went wrong and keep its exit code."""
        told, code = str(error), 2 if isinstance(error, BenchError) else 1
        if isinstance(error, OSError):
            told, code = system_error(error)
            if not told:
                raise error
        self._end(told, "error", code, getattr(error, "reason", told))

    def _end(self, told: str, what: str, code: int, reason: str = "") -> None:
        print(f"{what}: {told}", file=sys.stderr)
        self.refused[len(self.codes)] = reason or told
        self.codes.append(code)


def _losses_typed() -> list[str]:
    """Names of the losses whose weight stands on the command line of this job."""
    if not HydraConfig.initialized():
        return []
    keys = [str(word).lstrip("+").partition("=")[0] for word in HydraConfig.get().overrides.task]
    return [key.removeprefix(_LOSS) for key in keys if key.startswith(_LOSS)]


def main(argv: list[str]) -> int:
    """Compose, check everything that was typed, then run.

    Args:
        argv: overrides and Hydra's own options, such as ``-m`` or ``--cfg job``.
    """
    options, overrides = _sorted(argv)
    if not set(HELP).isdisjoint(argv):
        print(explanation(overrides))
        return 0
    sweeps = not {"-m", "--multirun"}.isdisjoint(options)
    parts = written_out(overrides)
    if parts != [overrides] and not sweeps:
        raise BenchError("A study is a sweep.", f"bench run -m {shlex.join(overrides)}")
    for part in parts:
        _check(part)
    register_schema()
    codes = [0]
    for part in parts:
        jobs = Jobs(sweeps=sweeps)
        run = partial(_run, argv, options, as_typed(part, sweeps=sweeps), jobs)
        codes.append(_told(part, jobs, run) if sweeps else run())
        if codes[-1] == INTERRUPTED:
            break
    return max(codes)


def _run(argv: Sequence[str], options: list[str], overrides: list[str], jobs: Jobs) -> int:
    """Let Hydra compose and call the jobs; the worst exit code."""
    try:
        words = hydra_words(overrides)
        with _typed(["bench run", *options, *words]):
            hydra.main(str(shipped("conf")), CONFIG_NAME, version_base="1.3")(jobs)()
    except KeyboardInterrupt:
        print(f"\nInterrupted. Resume with:\n{shlex.join(['bench', 'run', *argv])}")
        return INTERRUPTED
    except RunFailed as error:  # on another machine
        jobs.note(error)
    except (HydraException, RuntimeError, ValueError) as error:  # of Hydra; jobs keep theirs
        raise BenchError(str(error)) from error
    return max(jobs.codes, default=0)


def _told(overrides: Sequence[str], jobs: Jobs, run: Callable[[], int]) -> int:
    """However a sweep ends, its last lines say what has become of each run.

    Its exit code is 1, too, where a run is not done, whoever computes it.
    """
    from bench.runs.sweep import cells, sweep_table, unfinished

    all_cells = cells(overrides)
    try:
        return max(run(), int(unfinished(all_cells)))
    finally:
        make_console().print(sweep_table(all_cells, jobs.refused))


def _sorted(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's options with their values, and the other words, wherever they were typed."""
    words = iter(argv)
    options: list[str] = []
    overrides: list[str] = []
    for word in words:
        name, equals, _ = word.partition("=")
        if not word.startswith("-"):
            overrides.append(word)
            continue
        if name not in [*OPTIONS, *HELP]:
            raise BenchError(f"bench run {word} does not exist.", nearest(name, [*OPTIONS, *HELP]))
        options.append(word)
        if OPTIONS.get(name) and not equals:
            options += [value] if (value := next(words, "")) else []
    return options, overrides


@contextmanager
def _typed(argv: list[str]) -> Iterator[None]:
    """What Hydra's entry finds typed, and that exceptions leave it instead of its own exit."""
    before, sys.argv = sys.argv, argv
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = before


def _check(overrides: list[str]) -> None:
    """Refuse mistakes before anything is written, in a sweep those of every value."""
    for choice in each_choice(overrides):
        _own_options(compose(choice))


def _own_options(config: RunConfig) -> Any:
    """The options of a class from outside; None for our own, whose library is not needed here."""
    if not config.model.point:
        return None
    from bench.models.base import own_options
    from bench.models.registry import class_of

    return own_options(class_of(config.model), config.model)


def explanation(overrides: Sequence[str]) -> str:
    """Every choice, and every key with its value under these overrides."""
    config = compose(overrides)
    keys = list(entries(config, section="run"))
    if own := _own_options(config):
        keys += entries(own, FREE, section=f"{FREE}*: of {config.model.point}")
    named = "\n".join(["choices:", *(_choices(group) for group in (*GROUPS, STUDY))])
    return "\n\n".join([USAGE, named, *sections(keys)])


def _choices(group: str) -> str:
    names = ", ".join(choices(group))
    return textwrap.fill(
        names, WIDTH, initial_indent=f"  {group}=NAME".ljust(20), subsequent_indent=" " * 20
    )
