"""Systems by name: the same as a run has, ours and the user's, mistakes in a sentence."""

import pytest

from bench.config.catalogue import choices
from bench.config.compose import compose
from bench.config.systems import system_named
from bench.errors import BenchError


@pytest.mark.parametrize("name", choices("system"))
def test_a_system_is_the_one_that_a_run_has(name):
    assert system_named(name) == compose([f"system={name}"]).system


def test_one_of_the_users_own_is_read_and_its_keys_are_checked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "conf" / "system" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("name: mine\npath: elsewhere\ntrain_size: 20\n")
    found = system_named("mine")
    assert (found.path, found.train_size) == ("elsewhere", 20)
    assert found == compose(["system=mine"]).system
    file.write_text("name: mine\nsize: 20\n")
    with pytest.raises(BenchError, match=r"conf/system/mine\.yaml: size does not exist\."):
        system_named("mine")


def test_the_nearest_name_is_told():
    with pytest.raises(BenchError, match="system=pt_watr does not exist") as error:
        system_named("pt_watr")
    assert error.value.mend.startswith("Did you mean 'pt_water'?")
