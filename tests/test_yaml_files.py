"""Every YAML file of the repository is one that its reader takes."""

import pytest

from bench.paths import PACKAGE
from tests.yaml_files import main

ROOT = PACKAGE.parent
FILES = sorted([*ROOT.glob("conf/**/*.yaml"), *ROOT.glob("datasets/*/*.yaml")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_taken(path):
    assert main([str(path)]) == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("conf/preset/short.yaml", "# @package _global_\ntraining: {epoch: 3}\n", "epoch"),
        ("conf/model/mine.yaml", "name: scf_qeq\nnum_chanels: 8\n", "num_chanels"),
        ("conf/system/mine.yaml", "name: [\n", "flow"),
        ("datasets/mine/card.yaml", "files: []\n", "labels"),
        ("datasets/mine/recipe.yaml", "prefix: m\n", "trajectories"),
    ],
)
def test_a_file_with_a_mistake_is_refused(name, text, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).parent.mkdir(parents=True)
    (tmp_path / name).write_text(text)
    assert main([name]) == 1
    message = capsys.readouterr().err
    assert message.startswith(name) and said in message
