"""What the tabulator offers, and that bash takes it."""

import shutil
import subprocess
import sys

import pytest

from bench.cli import VERBS
from bench.commands.complete import SCRIPT, following, options_of
from bench.commands.data import VERBS as DATA
from bench.config.catalogue import choices
from bench.config.schema import RunConfig, Solver


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("bench", sorted(VERBS)),
        ("bench ", sorted(VERBS)),
        ("bench sh", ["show"]),
        ("bench data gen", ["generate"]),
        ("bench data sam", ["sample"]),
        ("bench data sample v", ["vacancy"]),
        ("bench data sample vacancy cha", ["charge="]),
        ("bench data generate keep_densities=", ["keep_densities=false", "keep_densities=true"]),
        ("bench data import boundary=s", ["boundary=slab"]),
        ("bench list m", ["metrics", "models"]),
        (
            "bench run sy",
            [
                "system.description=",
                "system.leave_out=",
                "system.name=",
                "system.path=",
                "system.train_size=",
                "system=",
            ],
        ),
        ("bench run model=scf_q", ["model=scf_qeq"]),
        ("bench run -m model=les,po", ["model=les,polar"]),
        ("bench run seed=1 preset=", [f"preset={name}" for name in choices("preset")]),
        ("bench run training.mode=st", ["training.mode=staged"]),
        ("bench show model.solver=", sorted(f"model.solver={s.name}" for s in Solver)),
        ("bench run model.options.", []),
        ("bench run -m stu", ["study="]),
        ("bench run -m study=", [f"study={name}" for name in choices("study")]),
        ("bench run -m study=main,sm", ["study=main,smoke"]),
        ("bench show stu", []),
        ("bench status study=mo", ["study=modes"]),
        ("bench reproduce figure=qeq", ["figure=qeq_pathologies"]),
        ("bench nothing ", []),
        ("bench run seed=", []),
    ],
)
def test_what_may_follow_a_line(line, words):
    assert following(line) == sorted(words)


@pytest.mark.parametrize(
    "module", [verb.module for name, verb in {**VERBS, **DATA}.items() if name != "data"]
)
def test_every_verb_has_its_options(module):
    kinds = options_of(module)
    assert len([kind for kind in kinds if kind is not RunConfig]) <= 1
    assert kinds and (RunConfig in kinds or len(kinds) == 1)


@pytest.mark.skipif(shutil.which("bash") is None, reason="the script is bash's")
@pytest.mark.parametrize(
    ("line", "breaks", "reply"),
    [
        ("bench sho", "=:", "show"),
        ("bench show preset=smo", "=:", "smoke"),
        ("bench show preset=smo", ":", "preset=smoke"),
        ("bench show model=scf_q and more", "=:", "scf_qeq"),
    ],
)
def test_bash_takes_it(line, breaks, reply):
    point = len(line.removesuffix(" and more"))
    script = (
        f'bench() {{ "{sys.executable}" -m bench "$@"; }}\n{SCRIPT}\n'
        f'COMP_LINE="{line}"\nCOMP_POINT={point}\nCOMP_WORDBREAKS="{breaks}"\n_bench\n'
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == f"{reply}\n"
