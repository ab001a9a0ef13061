"""``bench run``: one run, or with -m many, composed by Hydra."""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field

from hydra._internal.utils import _run_hydra, get_args_parser
from hydra.errors import HydraException
from omegaconf import DictConfig

from bench.config.compose import (
    CONFIG_NAME,
    check_overrides,
    compose,
    each_choice,
    register_schema,
    search_path,
    typed,
)
from bench.errors import BenchError
from bench.paths import shipped
from bench.runs.folder import RunFailed


@dataclass
class Jobs:
    """The function that Hydra calls for each run; in this process it keeps the exit codes.

    Hydra shows an exception of a job in its own way, so that here they become exit codes; jobs
    on other machines raise, and the launcher reports them.
    """

    pid: int = field(default_factory=os.getpid)
    codes: list[int] = field(default_factory=list)

    def __call__(self, config: DictConfig) -> None:
        """Run one composed configuration."""
        from bench.runner import run

        try:
            run(typed(config))
            self.codes.append(0)
        except (BenchError, RunFailed) as error:
            if os.getpid() != self.pid:
                raise
            self.note(error)

    def note(self, error: BenchError | RunFailed) -> None:
        """Say what went wrong and keep its exit code."""
        print(f"error: {error}", file=sys.stderr)
        self.codes.append(2 if isinstance(error, BenchError) else 1)


def main(argv: list[str]) -> int:
    """Compose, check everything that was typed, then run.

    Args:
        argv: overrides and Hydra's own options, such as ``-m`` or ``--cfg job``.
    """
    parser = get_args_parser()
    parser.prog = "bench run"
    arguments = parser.parse_args(argv)
    _check(arguments.overrides, help_only=arguments.help or arguments.hydra_help)
    arguments.overrides = [*search_path(arguments.overrides), *arguments.overrides]
    register_schema()
    os.environ["HYDRA_FULL_ERROR"] = "1"  # or Hydra swallows exceptions and exits by itself
    jobs = Jobs()
    try:
        _run_hydra(
            args=arguments,
            args_parser=parser,
            task_function=jobs,
            config_path=str(shipped("conf")),
            config_name=CONFIG_NAME,
        )
    except KeyboardInterrupt:
        print(f"\nInterrupted. Resume with:\n{shlex.join(['bench', 'run', *argv])}")
        return 130
    except RunFailed as error:  # on another machine
        jobs.note(error)
    except (HydraException, RuntimeError) as error:  # of Hydra or a launcher; jobs keep theirs
        raise BenchError(str(error)) from error
    return max(jobs.codes, default=0)


def _check(overrides: list[str], *, help_only: bool) -> None:
    """Refuse mistakes before anything is written, in a sweep those of every value."""
    check_overrides(overrides)
    if not help_only:
        for choice in each_choice(overrides):
            compose(choice)
