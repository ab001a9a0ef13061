"""Cards and extended XYZ files with anything in them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bench.config.schema import SystemConfig
from bench.data.dataset import load_dataset
from tests.fuzz.cases import cases, told_by_call, told_by_command, values

NAMES = ("name", "sha256", "required", "files", "labels", "REF_energy", "REF_forces", "resolution")
leaves = st.none() | st.booleans() | st.integers() | st.floats() | values
trees = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


@cases(0.15)
@given(trees, trees, st.booleans())
def test_cards_are_read_or_refused(files, labels, whole):
    with tempfile.TemporaryDirectory() as folder:
        card = {"files": files, "labels": labels} if whole else files
        text = yaml.safe_dump(card, allow_unicode=True)
        (Path(folder) / "card.yaml").write_text(text, encoding="utf-8")
        told_by_call(lambda: load_dataset(SystemConfig("made_up", path=folder)))


@cases(0.05)
@given(st.binary(max_size=60))
def test_cards_that_are_no_text(content):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "card.yaml").write_bytes(content)
        told_by_call(lambda: load_dataset(SystemConfig("made_up", path=folder)))


INFO = [
    "energy",
    "REF_energy",
    "total_charge",
    "charge",
    "electric_field",
    "field",
    "dipole",
    "REF_dipole",
    "dipole_mask",
    "multiplicity",
    "group",
    "split",
    "pbc",
    "Lattice",
    "config_type",
    "stress",
    "virial",
]
COLUMNS = ("forces:R:3", "REF_forces:R:3", "charges:R:1", "REF_multipoles:R:4", "q:R:9", "tags:I:1")
SYMBOLS = ("H", "O", "Pt", "D", "X", "Uuo", "h", "8")
plain = st.floats(-9, 9).map(lambda x: f"{x:.4f}") | st.sampled_from(["nan", "inf", "1.0D+00", "x"])


@st.composite
def frames(draw):
    """One frame as text: a right one, with a few things wrong."""
    count = draw(st.integers(1, 3))
    columns = draw(st.lists(st.sampled_from(COLUMNS), max_size=2, unique=True))
    info = draw(st.dictionaries(st.sampled_from(INFO), values, max_size=3))
    cell = draw(st.sampled_from(["9 0 0 0 9 0 0 0 9", "9 0 0 0 9 0 0 0 0", "1 2 3", "x"]))
    head = [f'Lattice="{cell}"', "Properties=" + ":".join(["species:S:1:pos:R:3", *columns])]
    head += [f'{key}="{value}"'.replace("\n", " ") for key, value in info.items()]
    lines = []
    for _ in range(count):
        numbers = 3 + sum(int(column[-1]) for column in columns)
        shorter = draw(st.sampled_from([0, 0, 0, 0, 1]))
        lines.append(
            " ".join(
                [draw(st.sampled_from(SYMBOLS)), *(draw(plain) for _ in range(numbers - shorter))]
            )
        )
    said = draw(st.sampled_from([count, count, count, count, count + 1, -1]))
    return "\n".join([str(said), " ".join(head), *lines, ""])


names = st.sampled_from(["a.xyz", "left@300K.xyz", "ö (1).extxyz", "a b.xyz", "x=1.xyz"])
more = st.sampled_from(
    [
        "map.energy=energy",
        "map.energy=REF_energy",
        "map.forces=forces",
        "total_charge=0",
        "field=0",
        "map.multipoles=charges",
        "map.multipoles=q",
        "map.field=field",
        "sign.forces=-1",
        "unit.energy=Ha",
        "unit.energy=nonsense",
        "map.stress=virial",
        "map.dipole=dipole",
        "total_charge=1+",
        "map.total_charge=charge",
        "unit.length=Bohr",
    ]
)


@pytest.fixture(scope="module", autouse=True)
def no_rehearsal():
    """The default run is not tried: that takes seconds."""
    from bench.commands.data import import_file

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_file, "rehearsed", lambda dataset: "about 1 min")
        yield


@cases(0.25)
@given(
    st.lists(frames(), min_size=1, max_size=4),
    names,
    st.sampled_from(["bulk", "slab", "open"]),
    st.lists(more, max_size=5, unique=True),
    st.booleans(),
)
def test_files_are_imported_or_refused(content, name, boundary, options, mark):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        data = ("\ufeff" if mark else "") + "".join(content)
        (Path(folder) / name).write_text(data, encoding="utf-8")
        told_by_command(["data", "import", name, "name=mine", f"boundary={boundary}", *options])


@cases(0.05)
@given(st.lists(frames(), min_size=1, max_size=2))
def test_structures_of_a_card_are_read_or_refused(content):
    data = "".join(content).encode()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "structures.extxyz").write_bytes(data)
        card = {
            "files": [{"name": "structures.extxyz", "sha256": hashlib.sha256(data).hexdigest()}],
            "labels": {"REF_energy": {"required": True}},
        }
        (Path(folder) / "card.yaml").write_text(yaml.safe_dump(card))
        told_by_call(lambda: load_dataset(SystemConfig("made_up", path=folder)))
