"""A card of any content is read or refused in one sentence."""

import pytest
import yaml

from bench.data.card import read_card
from bench.errors import BenchError

GOOD = {
    "files": [{"name": "a.extxyz", "sha256": "0" * 64}],
    "labels": {"REF_energy": {"required": True, "unit": "eV"}, "REF_dipole": {}},
}


def test_a_good_card(tmp_path):
    (tmp_path / "card.yaml").write_text("\ufeff" + yaml.safe_dump(GOOD), encoding="utf-8")
    assert read_card(tmp_path) == GOOD


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"files": "nonsense"}, "card.yaml: files[0] is 'nonsense'"),
        ({"files": None}, "files[0] is None"),
        ({"files": {"name": "x"}}, "files[0] is {'name': 'x'}"),
        ({"files": [GOOD["files"][0], {"name": 3, "sha256": "x"}]}, "files[1] is {'name': 3"),
        ({"files": [{"name": "x", "sha256": 12}]}, "files[0] is"),
        ({"labels": {"REF_dipole": {"resolution": "fine"}}}, "{'resolution': 'fine'}"),
        ({"labels": ["REF_energy"]}, "labels is ['REF_energy']"),
        ({"labels": {"REF_energy": "yes"}}, "labels, REF_energy: 'yes'"),
        ({"labels": {"REF_energy": {"required": "no"}}}, "labels, REF_energy: {'required': 'no'}"),
    ],
)
def test_a_card_of_another_form(tmp_path, changes, found):
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(GOOD | changes))
    with pytest.raises(BenchError) as error:
        read_card(tmp_path)
    assert found in error.value.problem and error.value.mend


@pytest.mark.parametrize("key", ["files", "labels"])
def test_a_card_without_a_key(tmp_path, key):
    card = {k: v for k, v in GOOD.items() if k != key}
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(card))
    with pytest.raises(BenchError, match=rf"card\.yaml: the card has no '{key}'"):
        read_card(tmp_path)


@pytest.mark.parametrize("text", ["", "- a list", "word"])
def test_a_card_without_keys(tmp_path, text):
    (tmp_path / "card.yaml").write_text(text)
    with pytest.raises(BenchError, match="the card has no 'files'"):
        read_card(tmp_path)


@pytest.mark.parametrize("content", [b"a: [1", b"a: b: c", b"\xff\xfe", b"\t- x"])
def test_a_card_that_is_no_yaml(tmp_path, content):
    (tmp_path / "card.yaml").write_bytes(content)
    with pytest.raises(BenchError, match=r"card\.yaml is no YAML"):
        read_card(tmp_path)
