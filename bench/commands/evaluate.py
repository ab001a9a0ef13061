"""``bench evaluate``: the numbers of a run again, or of anybody's calculator or predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config.key import key as option  # one of the options is called key
from bench.config.options import call, read_word
from bench.console import make_console
from bench.errors import BenchError
from bench.reference.import_words import ORDERS, ORIGINS
from bench.scoring.identity import ALIGNMENTS

if TYPE_CHECKING:
    from rich.console import Console

    from bench.runs.folder import RunFolder

RUN, OTHERS = "with run=", "with calculator= and predictions="


@dataclass
class Evaluate:
    """The numbers of a run once more, or those of anybody's calculator or predictions.

    bench evaluate run=FOLDER                    from its stored predictions, without the model
    bench evaluate run=FOLDER predict=true       from its checkpoint
    bench evaluate run=FOLDER split=train        what it was trained on: could it not, or not yet?
    bench evaluate run=FOLDER system=OTHER       another system's test set, or file=MINE.extxyz
    bench evaluate calculator=MODULE:FACTORY arg.device=cpu system=pt_water name=mine
    bench evaluate predictions=FILE system=pt_water name=mine

    The numbers of other structures are written into the run's folder, below evaluations/; its own
    metrics.json changes only where the data are the same. A calculator or a file gets a run's
    folder of its own, which tables, comparisons and reports read like any other.
    """

    run: str = option("", "folder of a finished run, or of several")
    calculator: str = option(
        "", "module:factory, in this folder or installed; gives an ase calculator"
    )
    predictions: str = option("", "extxyz with what was predicted elsewhere")
    system: str = option("", "whose test set is predicted")
    figures: bool = option(True, "draw them, too")
    predict: bool = option(False, "predict again, with its best weights", group=RUN)
    split: str = option(
        "test",
        "train, valid: structures that the run has seen",
        choices=("test", "train", "valid"),
        group=RUN,
    )
    file: str = option("", "extxyz with the data sets' keys, instead of its test set", group=RUN)
    device: str = option(
        "cpu", "where the model computes", choices=("cpu", "cuda", "cuda:0"), group=RUN
    )
    name: str = option("", "in tables", group=OTHERS)
    arg: dict[str, str] = option({}, "calculator=: arguments of the factory", group=OTHERS)
    key: dict[str, str] = option(
        {},
        "the other side's key of total_charge, field, multiplicity, energy, forces, multipoles, "
        "dipole, ... in atoms.info, in results or in the file",
        group=OTHERS,
    )
    unit: dict[str, str] = option({}, "the other side's, as of bench data import", group=OTHERS)
    sign: dict[str, float] = option({}, "-1 turns one of them, likewise", group=OTHERS)
    align: str = option(
        "atomic_energies",
        "of energies, by least squares on the training split: an energy per element; baseline: and "
        "what is proportional to charge over volume",
        choices=ALIGNMENTS,
        group=OTHERS,
    )
    multipoles_order: str = option(
        "spherical",
        "spherical: (q, d_y, d_z, d_x); cartesian: (q, d_x, d_y, d_z)",
        choices=ORDERS,
        group=OTHERS,
    )
    dipole_origin: str = option(
        "unknown", "of charged structures, as of bench data import", choices=ORIGINS, group=OTHERS
    )
    smearing_width: float = option(
        0.0, "of the Gaussians its multipoles stand for; 0: unknown", "Å", least=0, group=OTHERS
    )
    seed: int = option(0, "of its training, over which tables average", least=0, group=OTHERS)
    results_dir: str = option("results/runs", "folder of the results", group=OTHERS)


def main(argv: Sequence[str]) -> int:
    """Evaluate and print the table."""
    return call(argv, Evaluate, evaluate, verb="bench evaluate")


def evaluate(options: Evaluate) -> int:
    """Print the table of what was evaluated and, as the last line, its folder."""
    from bench.report.figures import draw_figures
    from bench.report.table import metrics_table

    _check_form(options)
    console = make_console()
    for folder in _of_run(options, console) if options.run else [_of_others(options, console)]:
        if options.figures:
            draw_figures(folder)
        console.print(metrics_table(folder))
        console.print(str(folder.path))
    return 0


def _check_form(options: Evaluate) -> None:
    """One of the three, and no option of another one."""
    forms = ("run", "calculator", "predictions")
    given = [form for form in forms if getattr(options, form)]
    if len(given) != 1:
        found = " and ".join(f"{form}=" for form in given) or "none"
        wanted = ", ".join(f"{form}=..." for form in forms)
        raise BenchError(f"bench evaluate: one of {wanted}; found {found}.", "See --help")
    (form,) = given
    foreign = OTHERS if form == "run" else RUN
    for item in fields(options):
        default: Any = item.default_factory() if callable(item.default_factory) else item.default
        value = getattr(options, item.name)
        if item.metadata["key"].group == foreign and value != default:
            raise BenchError(f"bench evaluate: {item.name}={value} does not go with {form}=.")
    if options.arg and not options.calculator:
        raise BenchError(f"bench evaluate: arg.* does not go with {form}=.")
    for name in () if options.run else ("system", "name"):
        if not getattr(options, name):
            raise BenchError(f"bench evaluate: {name}=... is missing.", "See --help")


def _of_run(options: Evaluate, console: Console) -> list[RunFolder]:
    """The folders whose numbers are new."""
    from bench.runs.folder import RunFolder

    path = Path(options.run)
    seen = "" if options.split == "test" else options.split
    others = {"file": options.file, "system": options.system, "split": seen}
    asked = [f"{name}={value}" for name, value in others.items() if value]
    if len(asked) > 1:
        raise BenchError(f"{' and '.join(asked)}: one of them.")
    if not (options.predict or asked):
        return _rescored(path)
    from bench.config.systems import system_named
    from bench.scoring import trained

    run = RunFolder(path)
    if not asked:
        return [trained.again(run, device=options.device, console=console)]
    if seen:
        structures = trained.seen_by(run, seen)
    elif options.file:
        structures = trained.structures_in(Path(options.file))
    else:
        structures = trained.tests_of(system_named(options.system))
    return [trained.elsewhere(run, structures, device=options.device, console=console)]


def _rescored(path: Path) -> list[RunFolder]:
    """Every finished run in a place, its metrics redone; the run itself where it is one."""
    from bench.evaluate.rescore import rescore
    from bench.runs.folder import RunFolder, Status, run_folders

    found = list(run_folders(path))
    if found in ([], [RunFolder(path)]):
        rescore(path)
        return [RunFolder(path)]
    done = [folder for folder in found if folder.status is Status.done]
    for folder in done:
        rescore(folder.path)
    return done


def _of_others(options: Evaluate, console: Console) -> RunFolder:
    """The run's folder of a calculator or a file."""
    from bench.scoring import identity, outsider, sources
    from bench.scoring.foreign import speech

    arguments = {name: read_word(text) for name, text in options.arg.items()}
    spoken = speech(
        options.key,
        unit=options.unit,
        sign=options.sign,
        smearing_width=options.smearing_width,
        multipoles_order=options.multipoles_order,
        dipole_origin=options.dipole_origin,
    )
    one = outsider.outsider(
        label=options.name,
        system=options.system,
        seed=options.seed,
        results_dir=options.results_dir,
        how=_stated(options) | {"arg": arguments},
        code=identity.of_calculator(options.calculator, arguments)
        if options.calculator
        else identity.of_file(Path(options.predictions)),
    )
    if options.calculator:
        predict = sources.of_calculator(
            options.calculator, arguments, spoken, alignment=options.align, console=console
        )
        return outsider.score(one, predict, console)
    file = Path(options.predictions)
    predicted = sources.in_file(file, spoken, one.data, alignment=options.align)
    return outsider.score(one, lambda *_: predicted, console)


def _stated(options: Evaluate) -> dict[str, Any]:
    """What was said of the other side, for its provenance and its identity."""
    names = ("calculator", "predictions", "key", "unit", "sign", "align")
    more = ("multipoles_order", "dipole_origin", "smearing_width")
    return {name: getattr(options, name) for name in (*names, *more)}
