"""The command line: verbs and nothing heavy, so that help answers at once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from bench.commands import VERBS
from bench.errors import BenchError, system_error
from bench.signals import terminate_as_interrupt
from bench.verbs import dispatch

ABOUT = "Compares electrostatic machine-learning interatomic potentials."
MORE = """\
Defaults: model=scf_qeq system=pt_water preset=quick seed=0. Errors in what you typed exit with 2,
failed runs with 1."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: without the program's name; by default the process's own.

    Returns:
        Exit code: 0 done, 1 failed, diverged or the machine's fault, 2 the user's mistake, 130
        interrupted.
    """
    words = sys.argv[1:] if argv is None else argv
    try:
        with terminate_as_interrupt():
            code = dispatch(words, VERBS, command="bench", about=ABOUT, more=MORE)
            sys.stdout.flush()  # here, not at exit, where a reader that is gone would be an error
            return code
    except BenchError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        told, code = system_error(error)
        if not told:
            raise
        print(f"error: {told}", file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main())
