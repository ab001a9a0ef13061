"""Importing mace or e3nn leaves torch's protection against pickles on; training needs no mace."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys, {module}, torch
try:
    torch.load(sys.argv[1])
except Exception as error:
    print(type(error).__name__)
else:
    print("loaded")
"""


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("executed",)


@pytest.mark.parametrize(
    "module",
    ["bench.data.batch", "bench.models.registry", "bench.models.polar", "bench.commands.speed"],
)
def test_a_foreign_pickle_is_refused(module: str, tmp_path: Path) -> None:
    path = tmp_path / "foreign.pt"
    path.write_bytes(pickle.dumps(Malicious()))
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT.format(module=module), str(path)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert output.strip() == "UnpicklingError"


def test_what_newer_versions_of_torch_say_of_torchscript_is_not_shown():
    told = "`torch.jit.script` is deprecated. Please switch to `torch.compile`."
    script = f"import warnings, bench.e3nn_import; warnings.warn({told!r}, FutureWarning)"
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert "deprecated" not in result.stderr


def test_a_run_starts_without_the_training_tools_of_mace():
    script = "import sys, bench.runner; print('mace' in sys.modules)"
    command = [sys.executable, "-W", "ignore", "-c", script]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
