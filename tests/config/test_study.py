"""Studies: sweeps under a name, written out as one would type them."""

import pytest

from bench.config.compose import combinations
from bench.config.study import sweeps, written_out
from bench.errors import BenchError

GRID = """hydra:
  sweeper:
    params:
      model: les,polar
      seed: [0, 1, 2]
      preset: smoke
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder of studies of one's own."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "conf/study"
    folder.mkdir(parents=True)
    (folder / "grid.yaml").write_text(GRID)
    (folder / "more.yaml").write_text(GRID.replace("smoke", "quick"))
    (folder / "both.yaml").write_text("parts: [grid, more]\n")
    (folder / "factors.yaml").write_text(
        f"{GRID}parts:\n  - {{training.batch_size: [2, 8]}}\n  - {{seed: 3}}\n  - more\n"
    )
    (folder / "odd.yaml").write_text("model: les\n")
    (folder / "circle.yaml").write_text("parts: [grid, circle]\n")
    return folder


def test_without_a_study_words_are_what_was_typed():
    assert written_out(["model=les", "seed=0,1"]) == [["model=les", "seed=0,1"]]


@pytest.mark.parametrize("word", ["study=grid", "+study=grid"])
def test_a_study_is_a_sweep_and_what_is_typed_wins(own, word):
    (words,) = written_out([word, "seed=7", "results_dir=r"])
    assert words == ["model=les,polar", "preset=smoke", "seed=7", "results_dir=r"]
    (words,) = written_out([word])
    assert len(combinations(words)) == 6


def test_parts_come_in_their_order(own):
    presets = [words[-1] for words in written_out(["study=both"])]
    assert presets == ["preset=smoke", "preset=quick"]
    assert written_out(["study=grid,more"]) == written_out(["study=both"])


def test_a_part_is_what_its_own_parameters_make_of_those_of_all(own):
    batches, seed, other = written_out(["study=factors"])
    assert batches == ["model=les,polar", "seed=0,1,2", "preset=smoke", "training.batch_size=2,8"]
    assert seed == ["model=les,polar", "seed=3", "preset=smoke"]
    assert [other] == written_out(["study=more"])
    assert len(combinations(batches)) == 12


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gird", r"study=gird does not exist.\nDid you mean 'grid'"),
        ("odd", r"odd.yaml holds no sweep.\nhydra: "),
        ("circle", "study=circle is a part of itself"),
    ],
)
def test_mistakes_are_told(own, name, message):
    with pytest.raises(BenchError, match=message):
        sweeps(name)


def test_the_shipped_study_has_four_runs():
    (words,) = sweeps("smoke")
    assert len(combinations(words)) == 4
