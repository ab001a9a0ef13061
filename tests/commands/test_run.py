"""``bench run``: exit codes of jobs here and elsewhere, and checks before the first of them."""

import errno
import os
from collections import Counter
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from bench import runner
from bench.commands.run import Jobs, main
from bench.config.compose import compose
from bench.config.schema import RunConfig
from bench.errors import BenchError, Busy, RunFailed

WRONG = BenchError("no such data", "bench data import")
FAILED = RunFailed("ValueError: odd")


@pytest.fixture
def runs(monkeypatch, tmp_path):
    """Configurations that reach the runner; those whose seed is in ``errors`` raise."""
    monkeypatch.chdir(tmp_path)
    seen, errors, asked_for = [], {}, []

    def run(config, *, asked=()):
        seen.append(config)
        asked_for.append(asked)
        if config.seed in errors:
            raise errors[config.seed]

    monkeypatch.setattr(runner, "run", run)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")  # restored afterwards
    return SimpleNamespace(seen=seen, errors=errors, asked=asked_for)


def test_a_run_is_the_composed_configuration(runs, tmp_path):
    assert main(["model=polar", "seed=4", "preset=smoke"]) == 0
    assert runs.seen == [compose(["model=polar", "seed=4", "preset=smoke"])]
    assert list(tmp_path.iterdir()) == []  # Hydra makes no folder of its own


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], []),
        (["training.epochs=3", "preset=smoke"], []),
        (["training.loss.multipoles=1000", "++training.loss.dipole=2"], ["multipoles", "dipole"]),
    ],
)
def test_losses_that_were_typed_are_told_to_the_run_whatever_their_weight(runs, words, asked):
    assert main(words) == 0
    assert runs.asked == [asked]


@pytest.mark.parametrize(
    ("errors", "code"),
    [({}, 0), ({0: FAILED}, 1), ({0: WRONG, 1: FAILED}, 2)],
    ids=["none", "failed", "both"],
)
def test_a_sweep_goes_on_and_ends_with_the_worst_code(runs, capsys, errors, code):
    runs.errors |= errors
    assert main(["-m", "seed=0,1", "hydra.sweep.dir=sweep"]) == code
    assert [config.seed for config in runs.seen] == [0, 1]
    said = capsys.readouterr()
    assert all(f"error: {error}" in said.err for error in errors.values())
    rows = [line.split() for line in said.out.splitlines() if line.strip()]
    rows = rows[rows.index(["seed", "status", "folder", "reason"]) :]
    for seed, row in zip((0, 1), rows[2:4]):
        status = "failed" if seed in errors else "not"  # the stand-in leaves no folder
        assert row[:2] == [str(seed), status]
        words = getattr(errors.get(seed), "reason", str(errors.get(seed, ""))).split()
        assert not words or row[-len(words) :] == words
    counts = Counter("failed" if seed in errors else "not started" for seed in (0, 1))
    ends = ", ".join(f"{number} {status}" for status, number in counts.items())
    assert " ".join(rows[-1]) == f"2 cells: {ends}"


@pytest.mark.parametrize(
    "argv",
    [
        ["-m", "seed=0,1,-1"],
        ["-m", "seed=0,1", "model=scf_qeq,scf_qek"],
        ["-m", "model=glob(none*)"],
        ["seed=0", "training.epochs=0"],
    ],
    ids=" ".join,
)
def test_one_mistake_in_a_sweep_starts_nothing(runs, argv, tmp_path):
    with pytest.raises(BenchError):
        main(argv)
    assert runs.seen == [] and list(tmp_path.iterdir()) == []


def test_a_sweep_needs_its_option(runs):
    with pytest.raises(BenchError, match="multirun"):
        main(["seed=0,1"])
    assert runs.seen == []


def test_a_sweep_over_a_pattern_runs_what_it_matches(runs):
    assert main(["-m", "model=glob([scf_e*,scf_r*])", "hydra.sweep.dir=sweep"]) == 0
    names = [config.model.name for config in runs.seen]
    assert names == ["scf_energy_functional", "scf_response"]


def test_a_users_folder_is_searched_by_runs_too(runs, tmp_path):
    file = tmp_path / "conf" / "model" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("name: les\nr_max: 3.0\n")
    assert main(["model=mine"]) == 0
    assert (runs.seen[0].model.name, runs.seen[0].model.r_max) == ("les", 3.0)


@pytest.mark.parametrize("name", ["Größe (2)", "a=b", "it's", 'we"ird'])
@pytest.mark.parametrize("many", [[], ["-m"]], ids=["one", "sweep"])
def test_results_may_go_to_any_folder(runs, tmp_path, name, many):
    assert main([*many, f"results_dir={name}", "model=les"]) == 0
    assert [config.results_dir for config in runs.seen] == [name]
    assert [path.name for path in tmp_path.iterdir()] == ([name] if many else [])


@pytest.mark.parametrize("name", ['we"ird', "a b"])
def test_runs_in_a_working_folder_of_any_name(runs, tmp_path, monkeypatch, name):
    file = tmp_path / name / "conf" / "model" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("name: les\nr_max: 3.0\n")
    monkeypatch.chdir(tmp_path / name)
    assert main(["-m", "model=mine,polar", "hydra.sweep.dir=sweep"]) == 0
    assert [config.model.name for config in runs.seen] == ["les", "polar"]


def test_options_may_stand_anywhere(runs):
    assert main(["seed=0,1", "-m", "model=les", "hydra.sweep.dir=sweep"]) == 0
    assert [(config.seed, config.model.name) for config in runs.seen] == [(0, "les"), (1, "les")]


def test_an_interrupt_quotes_the_command(runs, capsys):
    runs.errors[0] = KeyboardInterrupt()
    assert main(["model.feature_widths=[1.0, 2.0]"]) == 130
    command = "bench run 'model.feature_widths=[1.0, 2.0]'"
    assert capsys.readouterr().out.splitlines()[-1] == command


# Jobs by themselves


def job(seed=0):
    config = OmegaConf.structured(RunConfig)
    return OmegaConf.merge(
        config, {"seed": seed, "model": {"name": "les"}, "system": {"name": "x"}}
    )


@pytest.mark.parametrize(("error", "code"), [(WRONG, 2), (FAILED, 1)], ids=["wrong", "failed"])
def test_errors_are_codes_here_and_errors_elsewhere(runs, capsys, error, code):
    runs.errors[1] = error
    here, elsewhere = Jobs(), Jobs(pid=os.getpid() + 1)
    here(job(0))
    here(job(1))
    assert here.codes == [0, code]
    assert capsys.readouterr().err == f"error: {error}\n"
    with pytest.raises(type(error)):
        elsewhere(job(1))
    assert capsys.readouterr().err == f"error: {error}\n"  # in that process's own output


def test_a_sweep_passes_over_what_another_process_computes(runs, capsys):
    runs.errors[0] = Busy("x is being written by another process (pid 7).", "Wait")
    assert main(["-m", "seed=0,1", "hydra.sweep.dir=sweep"]) == 0
    assert [config.seed for config in runs.seen] == [0, 1]
    assert capsys.readouterr().err == f"passed over: {runs.errors[0].problem}\n"
    assert main(["seed=0"]) == 2  # no sweep: nothing was done


def test_local_runs_have_a_thread_each(runs, monkeypatch):
    """With one job joblib stays in this process, where the stand-in is."""
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    threads = []
    monkeypatch.setattr(
        runner, "run", lambda config, asked: threads.append(os.environ["OMP_NUM_THREADS"])
    )
    words = ["-m", "hydra/launcher=local", "hydra.launcher.n_jobs=1", "seed=0,1"]
    assert main([*words, "hydra.sweep.dir=sweep"]) == 0
    assert threads == ["1", "1"] and os.environ["OMP_NUM_THREADS"] == "8"


def test_a_full_disk_ends_a_job_and_not_the_sweep(runs, capsys):
    runs.errors[0] = OSError(errno.ENOSPC, "No space left on device", "last.pt")
    assert main(["-m", "seed=0,1", "hydra.sweep.dir=sweep"]) == 1
    said = capsys.readouterr()
    assert said.err.startswith("error: No space left on device: last.pt.\n")
    assert [config.seed for config in runs.seen] == [0, 1] and "2 cells: 1 failed" in said.out


def test_a_job_checks_its_values_again(runs):
    jobs = Jobs()
    jobs(job(-1))
    assert jobs.codes == [2] and runs.seen == []


def study(tmp_path, name, text):
    file = tmp_path / f"conf/study/{name}.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_a_study_runs_part_by_part(runs, tmp_path, capsys):
    for name, model in (("one", "les"), ("two", "polar")):
        params = f"{{model: {model}, seed: '0,1'}}"
        study(tmp_path, name, f"hydra: {{sweeper: {{params: {params}}}}}\n")
    study(tmp_path, "all", "parts: [one, two]\n")
    assert main(["-m", "study=all", "preset=smoke", "hydra.sweep.dir=sweep"]) == 0
    assert [(c.model.name, c.seed) for c in runs.seen] == [
        ("les", 0), ("les", 1), ("polar", 0), ("polar", 1),
    ]  # fmt: skip
    assert capsys.readouterr().out.count("2 cells: ") == 2
    with pytest.raises(BenchError, match=r"A study is a sweep.\nbench run -m study=all"):
        main(["study=all"])
    study(tmp_path, "two", "hydra: {sweeper: {params: {model: les, seed: '-1,0'}}}\n")
    with pytest.raises(BenchError, match="seed=-1"):
        main(["-m", "study=all", "hydra.sweep.dir=sweep"])
    assert len(runs.seen) == 4  # not even those of the first part
