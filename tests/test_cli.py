"""What a user types and what comes back."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bench.cli import VERBS, main
from bench.config.compose import compose
from bench.config.help import shown
from bench.config.key import entries

LIGHT = [
    ["--help"],
    ["list"],
    ["list", "models"],
    ["list", "metrics"],
    ["complete"],
    ["data", "-h"],
]
HEAVY = {"torch", "ase", "hydra", "matplotlib", "scipy", "pandas"}


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty working directory, as a user's."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(argv, capsys):
    """The message of a mistake: exit code 2, no traceback."""
    code = main(argv)
    message = capsys.readouterr().err
    assert code == 2, message
    assert message.startswith("error: ") and "Traceback" not in message
    return message


@pytest.mark.parametrize("argv", LIGHT, ids=" ".join)
def test_help_and_list_are_light(argv):
    code = (
        "import resource, sys; from bench.cli import main; assert main(sys.argv[1:]) == 0\n"
        f"heavy = {HEAVY} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "usage = resource.getrusage(resource.RUSAGE_SELF)\n"
        "assert usage.ru_utime + usage.ru_stime < 0.5, usage\n"
    )
    subprocess.run([sys.executable, "-c", code, *argv], check=True, capture_output=True)


def test_verbs_explain_themselves_without_the_rooms_that_do_them():
    verbs = sorted(set(VERBS) - {"check"})  # which lists its probes
    code = (
        "import sys; from bench.cli import main\n"
        "for verb in sys.argv[1:]:\n"
        "    assert main([verb, '--help']) == 0\n"
        f"    heavy = {HEAVY - {'hydra'}} & set(sys.modules)\n"
        "    assert not heavy, (verb, heavy)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *verbs], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_help_names_every_verb(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {verb} " in text for verb in VERBS)


@pytest.mark.parametrize("word", ["-h", "--help"])
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb, word, elsewhere, capsys):
    assert main([verb, word]) == 0
    assert capsys.readouterr().out.startswith(f"usage: bench {verb}")
    assert list(elsewhere.iterdir()) == []


def test_help_of_run_states_unit_range_and_meaning_of_every_key(elsewhere, capsys):
    assert main(["run", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.split())
    assert "model.options.NAME=... what a class from outside declares" in words
    for entry in (entry for entry in entries(compose()) if entry.name != "model.options"):
        unit = f" [{entry.key.unit}]" if entry.key.unit else ""
        allowed = f" ({entry.key.allowed})" if entry.key.allowed else ""
        assert f"{entry.name}={shown(entry.value)}{unit} {entry.key.meaning}{allowed}" in words


def test_help_of_run_shows_the_values_of_what_was_typed(elsewhere, capsys):
    assert main(["run", "preset=smoke", "-h", "seed=7"]) == 0
    text = capsys.readouterr().out
    assert "model.num_channels=8 " in text and "seed=7 " in text
    refused(["run", "--help", "sed=7"], capsys)


@pytest.mark.parametrize(
    ("argv", "fragments"),
    [
        (["run", "--multi-run"], ["--multi-run does not exist", "'--multirun'"]),
        (["run", "--experimental-rerun", "x.pickle"], ["does not exist"]),
        (["run", "-m", "--cfg", "job"], ["Only one of"]),
    ],
)
def test_options_of_hydra_that_are_not_taken(argv, fragments, elsewhere, capsys):
    message = refused(argv, capsys)
    assert all(fragment in message for fragment in fragments), message


def test_list_describes_every_choice(capsys):
    assert main(["list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name in ("short_range", "scf_qeq", "pt_water", "sio2_vacancy", "quick", "forces_rmse"):
        (line,) = [line for line in lines if line.strip().partition("  ")[0] == name]
        assert len(line.split()) > 3, line
    assert any("[meV/Å]" in line for line in lines)


@pytest.mark.parametrize(
    ("argv", "fragments"),
    [
        (["rum"], ["bench rum", "'run'"]),
        (["list", "model"], ["kinds=model ", "'models'"]),
        (["run", "model=scf_qek"], ["model=scf_qek", "'scf_qeq'", "short_range"]),
        (["run", "model=foo"], ["model=foo", "Allowed", "scf_qeq"]),
        (["run", "system=pt_watr"], ["system=pt_watr", "'pt_water'"]),
        (["run", "preset=quik"], ["preset=quik", "'quick'"]),
        (["run", "training.epoch=3"], ["training.epoch ", "'training.epochs'"]),
        (["run", "+training.epoch=3"], ["training.epoch ", "'training.epochs'"]),
        (["run", "++training.epoch=3"], ["training.epoch ", "'training.epochs'"]),
        (["run", "epochs=3"], ["epochs ", "'training.epochs'"]),
        (["run", "++modle.l_max=0"], ["modle.l_max", "'model.l_max'"]),
        (["run", "+training.epochs=3"], ["exists already", "training.epochs=3"]),
        (["run", "~training.epochs"], ["cannot be removed"]),
        (["run", "training.epochs"], ["training.epochs=VALUE"]),
        (["run", "training.epochs=many"], ["training.epochs=many", "Integer"]),
        (["run", "training.steps=null"], ["training.steps", "exactly one"]),
        (["run", "training.mode=explicit"], ["training.mode=explicit", "implicit", "staged"]),
        (["run", "wandb=on"], ["wandb", "off, offline, online"]),
        (["run", "training.epochs=-1"], ["training.epochs=-1", "positive"]),
        (["run", "model.feature_widths=[]"], ["model.feature_widths=[]", "list"]),
        (["run", "model.r_max=[1"], ["model.r_max=[1", "cannot be read"]),
        (["run", "+hydra.lancher=slurm"], ["lancher", "'launcher'"]),
        (["run", "-m", "model=short_range,scf_qek"], ["model=scf_qek", "'scf_qeq'"]),
        (["run", "-m", "seed=0,one"], ["seed=one", "Integer"]),
        (["show", "training.epoch=3"], ["'training.epochs'"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) and "=" in str(value) else "",
)
def test_mistakes_name_the_mend_and_write_nothing(argv, fragments, elsewhere, capsys):
    message = refused(argv, capsys)
    assert all(fragment in message for fragment in fragments), message
    assert list(elsewhere.iterdir()) == []


def test_unwritable_results_folder(elsewhere, capsys):
    blocker = elsewhere / "file"
    blocker.touch()
    message = refused(["run", f"results_dir={blocker}/runs"], capsys)
    assert f"{blocker} is not a folder" in message and "results_dir=FOLDER" in message


@pytest.mark.parametrize(("launcher", "extra"), [("slurm", "slurm"), ("submitit_local", "slurm")])
def test_a_launcher_that_is_not_installed(launcher, extra, elsewhere, capsys, monkeypatch):
    monkeypatch.setattr("bench.config.compose.find_spec", lambda name: None)
    message = refused(["run", "-m", f"hydra/launcher={launcher}"], capsys)
    assert f"[{extra}]" in message


def test_cfg_job_prints_the_configuration_and_writes_nothing(elsewhere, capsys):
    assert main(["run", "--cfg", "job", "model=short_range", "seed=7"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert (config["model"]["name"], config["seed"]) == ("short_range", 7)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "reader"),
    [("run --help", "head -n 1"), ("--help", "true")],  # more, and less, than a buffer holds
)
def test_a_reader_that_stops_early_is_no_error(words, reader):
    run = f"env -u PYTHONUNBUFFERED {sys.executable} -m bench.cli {words}"
    command = f"{run} | {reader}; exit ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=False, cwd=Path.cwd()
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_mistakes_end_the_process_with_code_two(elsewhere):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "bench.cli", "run", "model=foo"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert result.returncode == 2 and "model=foo" in result.stderr


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.ENOSPC, 1, "No space left on device: a/b.pt.\nMake room"),
        (errno.EDQUOT, 1, "Disk quota exceeded: a/b.pt.\nMake room"),
        (errno.EROFS, 1, "Read-only file system: a/b.pt.\nChoose a folder that you may write to"),
        (errno.EACCES, 1, "Permission denied: a/b.pt.\nChoose a folder that you may write to"),
        (errno.EIO, 1, "Input/output error: a/b.pt.\nGive the same command again"),
        (errno.ENOTDIR, 2, "Not a directory: a/b.pt.\nChoose another place"),
        (errno.ENAMETOOLONG, 2, "File name too long: a/b.pt.\nChoose another place"),
    ],
)
def test_what_the_system_refuses_is_one_sentence(monkeypatch, capsys, number, code, words):
    def refuse(argv):
        raise OSError(number, os.strerror(number), "a/b.pt")

    monkeypatch.setattr("bench.commands.list.main", refuse)
    assert main(["list"]) == code
    assert capsys.readouterr().err.startswith(f"error: {words}")


def test_an_error_that_nobody_knows_keeps_its_traceback(monkeypatch):
    def refuse(argv):
        raise OSError("odd")

    monkeypatch.setattr("bench.commands.list.main", refuse)
    with pytest.raises(OSError, match="odd"):
        main(["list"])


def test_results_below_a_file_are_refused(elsewhere, capsys):
    (elsewhere / "notes.txt").write_text("mine")
    message = refused(["run", "preset=smoke", "results_dir=notes.txt/runs"], capsys)
    assert "results_dir=notes.txt/runs cannot be written" in message
    assert (elsewhere / "notes.txt").read_text() == "mine"
