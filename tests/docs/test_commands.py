"""What pages tell to type is understood: every key, name and value of every command exists."""

import shlex
import shutil

import pytest
import yaml

from bench.commands import VERBS
from bench.commands.complete import options_of
from bench.commands.data import VERBS as DATA
from bench.commands.run import OPTIONS
from bench.config.compose import check_overrides, compose, each_choice
from bench.config.options import parse
from bench.config.schema import RunConfig
from bench.config.study import written_out
from bench.errors import BenchError
from bench.gate.cells import read_cells
from tests.docs.commands import ROOT, commands

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
PAGES += sorted([*(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")])
ALL = {**VERBS, **{f"data {name}": verb for name, verb in DATA.items()}}
TYPED = {
    " ".join(words[1:]): words[1:]
    for page in PAGES
    for words in commands(page)
    if words[0] == "bench" and not {"-h", "--help"} & {*words}
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a reader is who has followed the pages: systems imported, examples at hand."""
    place = tmp_path_factory.mktemp("reader")
    for conf in (ROOT / "examples").glob("*/conf"):
        shutil.copytree(conf, place / "conf", dirs_exist_ok=True)
        shutil.copytree(conf.parent, place, dirs_exist_ok=True)
    (place / "conf" / "system").mkdir()
    for name in ("mine", "water"):
        (place / "conf" / "system" / f"{name}.yaml").write_text(f"name: {name}\n")
    return place


def understand(words):
    """Read a command as the program does, and do nothing."""
    name = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in ALL), "")
    assert name, f"there is no verb {words[0]}"
    rest = words[len(name.split()) :]
    own = [kind for kind in options_of(ALL[name].module) if kind is not RunConfig]
    settings = list(rest)
    if own:
        options = parse(rest, own[0], verb=f"bench {name}")
        settings = list(getattr(options, "settings", []))
    settings = [w for w in settings if w not in {*OPTIONS, "job"} and not w.startswith("hydra")]
    if RunConfig in options_of(ALL[name].module):
        for sweep in written_out(settings):
            first, *others = each_choice(sweep)
            compose(first)
            for choice in others:
                check_overrides(choice)  # their names, in a tenth of the time


@pytest.mark.parametrize("typed", TYPED)
def test_a_command_is_understood(typed, folder, monkeypatch):
    monkeypatch.chdir(folder)
    understand(TYPED[typed])


def test_the_guard_of_ones_own_ci_is_understood(folder, monkeypatch):
    monkeypatch.chdir(folder)
    guard = ROOT / "examples" / "guard_in_ci"
    for cell in read_cells(guard / "baselines"):
        understand(["run", *cell.words])
    (job,) = yaml.safe_load((guard / "accuracy.yml").read_text())["jobs"].values()
    lines = [shlex.split(step["run"]) for step in job["steps"] if "run" in step]
    verbs = [words[1:] for words in lines if words[0] == "bench"]
    assert [words[0] for words in verbs] == ["regress", "report"]
    for words in verbs:
        understand(words)


@pytest.mark.parametrize(
    "typed",
    ["run model=scf_qek", "table metric=forces_rmse", "data import boundary=box FILE name=a"],
)
def test_what_does_not_exist_would_be_found(typed):
    with pytest.raises(BenchError):
        understand(typed.split())


def test_pages_show_every_verb():
    shown = {words[0] if words[0] != "data" else " ".join(words[:2]) for words in TYPED.values()}
    assert {*VERBS} - {"data"} <= shown
