"""What GitHub and pre-commit run: commands that exist here, the versions that make lint runs."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
JOBS = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"]
MAKEFILE = (ROOT / "Makefile").read_text()
STEPS = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]


def test_hooks_need_no_repository_but_this_one():
    assert [repo["repo"] for repo in HOOKS] == ["local"]


def test_a_hook_runs_what_make_lint_runs_or_pins_its_own():
    linted = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.M).group(1)
    for hook in HOOKS[0]["hooks"]:
        program = hook["entry"].split()[0]
        if hook["language"] == "python":
            assert all(re.search(r"==\d", word) for word in hook["additional_dependencies"])
        else:
            assert program == "python" or f"/{program}" in linted, hook["id"]


def test_every_step_calls_a_target_that_the_makefile_has():
    targets = set(re.findall(r"^([a-z]+):", MAKEFILE, re.M))
    called = {name for step in STEPS for name in re.findall(r"\bmake ([a-z]+)", step)}
    assert called and called <= targets


def test_every_extra_is_installed_on_its_own():
    declared = re.search(
        r"^\[project.optional-dependencies\]\n((?:\w+ = .*\n)+)",
        (ROOT / "pyproject.toml").read_text(),
        re.M,
    ).group(1)
    tried = {entry["extra"] for entry in JOBS["extras"]["strategy"]["matrix"]["include"]}
    assert tried == set(re.findall(r"^(\w+) =", declared, re.M))
