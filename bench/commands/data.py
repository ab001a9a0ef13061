"""``bench data``: make, check and describe reference data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.config.options import REQUIRED, Range, parse_options
from bench.errors import BenchError, nearest
from bench.paths import shipped

if TYPE_CHECKING:
    from bench.reference.store import Store

_HELP = """usage: bench data VERB [KEY=VALUE ...]

Reference data: generate, check, import.

  bench data generate system=pt_water [workers=2] [limit=N] [nice=19] [retry_failed=true]
      label what the plan lacks with CP2K; may be interrupted at any time and called again
  bench data build system=pt_water
      structures.extxyz and card.yaml from plan and labels
  bench data validate system=pt_water [workers=2] [limit=N] [nice=19] [run=false]
      error bars: forces, dipoles, label noise, vacuum, spin
  bench data audit system=pt_water [figure=audit.png]
      counts, ranges, leakage, sum rules, outliers; exit code 1 on a violation
  bench data import FILE name=mine boundary=slab [map.energy=KEY] [unit.energy=eV] [sign.field=-1]
      make a system that `bench run system=mine` accepts from an extxyz file of your own; map, unit
      and sign of any label: `bench data import --help` lists them
  bench data plan system=al_water [trajectories=FOLDER]
      order and extend a plan by its recipe.yaml and the frames in trajectories/
  bench data sample slab metal=Al waters=4 out=FILE [layers=3] [size=2x2] [steps=60] [seed=0]
  bench data sample vacancy crystal=quartz element=O out=FILE [repeat=2x2x1] [charge=0]
      short molecular dynamics with GFN1-xTB, or model=RUN_FOLDER [field=0.1]: a trained point
  bench data repartition system=pt_water densities=FOLDER
      multipoles again from stored densities, for other free atoms; all labels or none
  bench data describe
      datasets/README.md and pictures from the cards
  bench data proatoms elements=Cu,Ag
      free atoms for the density partition
"""

_RANGES: dict[str, Range] = {"workers": (1, None), "limit": (0, None), "nice": (0, 19)}


def main(argv: list[str]) -> int:
    """Run one verb of ``bench data``; 0 done, 1 a violation or a failed structure."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(_HELP)
        return 0
    verb, *words = argv
    if verb not in _VERBS:
        raise BenchError(f"bench data {verb} does not exist.", nearest(verb, _VERBS))
    if verb != "import" and ("--help" in words or "-h" in words):
        print(_usage(verb))
        return 0
    return _VERBS[verb](words)


def _usage(verb: str) -> str:
    start = "  bench data "
    entries = [start + entry.rstrip() for entry in _HELP.split(start)[1:]]
    return "\n".join(entry for entry in entries if entry.split()[2] == verb)


def _store(system: str) -> Store:
    from bench.reference.store import Store

    local = Path("datasets") / system
    folder = local if local.is_dir() else shipped("datasets") / system
    if not (folder / "plan.extxyz").is_file() and not (folder / "recipe.yaml").is_file():
        known = [path.parent.name for path in shipped("datasets").glob("*/plan.extxyz")]
        raise BenchError(f"system={system}: {folder} has no plan.", nearest(system, known))
    return Store(folder)


def _generate(words: list[str]) -> int:
    from bench.reference.build import build, read_about
    from bench.reference.labelling import require_cp2k
    from bench.reference.run import generate
    from bench.reference.validate import validate

    defaults: dict[str, Any] = {
        "system": REQUIRED,
        "workers": 2,
        "limit": 0,
        "retry_failed": False,
        "keep_densities": True,
        "nice": 19,
        "scratch": "",
    }
    options = parse_options(words, defaults, verb="bench data generate", ranges=_RANGES)
    store = _store(options["system"])
    read_about(store.folder)  # what the card lacks is told before anything is calculated
    require_cp2k()
    scratch = options["scratch"] or f"results/runs/data/{options['system']}"
    outcome = generate(
        store,
        workers=options["workers"],
        scratch=Path(scratch),
        keep_densities=options["keep_densities"],
        niceness=options["nice"],
        retry_failed=options["retry_failed"],
        limit=options["limit"] or None,
    )
    if store.labelled():
        validate(store)  # the error bars that are free grow with the labels
    build(store)
    print(
        f"{outcome.labelled} labelled now, {len(outcome.failed)} failed, "
        f"{len(store.labelled())} of {len(store.plan())} in all: {store.folder}"
    )
    return 1 if outcome.failed else 0


def _build(words: list[str]) -> int:
    from bench.reference.build import build

    options = parse_options(words, {"system": REQUIRED}, verb="bench data build")
    store = _store(options["system"])
    print(f"{len(build(store))} structures: {store.folder}")
    return 0


def _validate(words: list[str]) -> int:
    import json

    from bench.reference.build import build
    from bench.reference.labelling import require_cp2k
    from bench.reference.run import generate
    from bench.reference.validate import plan_validation, validate, validation_store

    defaults: dict[str, Any] = {
        "system": REQUIRED,
        "workers": 2,
        "run": True,
        "limit": 0,
        "nice": 19,
        "scratch": "",
    }
    options = parse_options(words, defaults, verb="bench data validate", ranges=_RANGES)
    store = _store(options["system"])
    extra = validation_store(store)
    if options["run"]:
        require_cp2k()
        if not (extra.folder / "plan.extxyz").is_file():
            extra.write_plan(plan_validation(store))
        generate(
            extra,
            workers=options["workers"],
            scratch=Path(options["scratch"] or f"results/runs/data/{options['system']}-validation"),
            keep_densities=False,
            niceness=options["nice"],
            limit=options["limit"] or None,
        )
    print(json.dumps(validate(store), indent=1))
    build(store)
    return 0


def _plan(words: list[str]) -> int:
    from bench.reference.plan import make_plan, read_recipe, trajectory_loader

    defaults = {"system": REQUIRED, "trajectories": ""}
    options = parse_options(words, defaults, verb="bench data plan")
    store = _store(options["system"])
    existing = store.plan() if (store.folder / "plan.extxyz").is_file() else []
    folder = Path(options["trajectories"] or store.folder / "trajectories")
    loader = trajectory_loader(folder)
    plan = make_plan(read_recipe(store.folder / "recipe.yaml"), existing, loader)
    store.write_plan(plan)
    before, now = ({a.info["uid"] for a in frames} for frames in (existing, plan))
    print(
        f"{len(plan)} structures planned, {len(now - before)} new, "
        f"{len(before - now)} repeats left out: {store.folder}"
    )
    return 0


def _sample(words: list[str]) -> int:
    from bench.reference.sample_words import sample_slab, sample_vacancy

    kinds: dict[str, Callable[[list[str]], int]] = {"slab": sample_slab, "vacancy": sample_vacancy}
    if not words or words[0] not in kinds:
        found = words[0] if words else "nothing"
        raise BenchError(f"bench data sample: {found} cannot be sampled.", nearest(found, kinds))
    return kinds[words[0]](words[1:])


def _proatoms(words: list[str]) -> int:
    from bench.reference.proatoms import make_proatoms

    options = parse_options(words, {"elements": REQUIRED}, verb="bench data proatoms")
    path = make_proatoms(options["elements"].split(","))
    print(f"free atoms of {options['elements']}: {path}")
    return 0


def _repartition(words: list[str]) -> int:
    from bench.reference.build import build
    from bench.reference.repartition import repartition

    defaults = {"system": REQUIRED, "densities": REQUIRED}
    options = parse_options(words, defaults, verb="bench data repartition")
    store = _store(options["system"])
    count = repartition(store, Path(options["densities"]), report=lambda x: print(x, flush=True))
    build(store)
    print(f"{count} labels replaced: {store.folder}")
    return 0


def _describe(words: list[str]) -> int:
    from bench.reference.describe import describe

    parse_options(words, {}, verb="bench data describe")
    local = Path("datasets")
    print(describe(local if local.is_dir() else shipped("datasets")))
    return 0


def _audit(words: list[str]) -> int:
    from bench.reference.audit import main as audit

    return audit(words)


def _import(words: list[str]) -> int:
    from bench.reference.importer import main as import_from

    return import_from(words)


_VERBS: dict[str, Callable[[list[str]], int]] = {
    "generate": _generate,
    "build": _build,
    "validate": _validate,
    "audit": _audit,
    "import": _import,
    "plan": _plan,
    "sample": _sample,
    "proatoms": _proatoms,
    "repartition": _repartition,
    "describe": _describe,
}
