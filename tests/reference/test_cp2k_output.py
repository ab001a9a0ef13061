"""The parser against recorded outputs of CP2K 2023.1 (trimmed to what is parsed)."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase.units import Bohr, Hartree

from bench.reference.cp2k_output import OutputError, parse_output, read_cube

RECORDED = Path(__file__).parent / "recorded"


def recorded(name):
    texts = [
        gzip.decompress((RECORDED / f"{name}.{kind}.gz").read_bytes()).decode()
        for kind in ("out", "forces")
    ]
    return texts[0], texts[1]


def test_water_in_a_slab_cell():
    output = parse_output(*recorded("water_in_slab_cell"), 15)
    assert output.energy == pytest.approx(-86.052571771627839 * Hartree)
    assert output.scf_steps == 30
    assert output.forces.shape == (15, 3)
    assert output.forces[0] == pytest.approx(
        np.array([0.02139549, 0.01218302, -0.01817806]) * Hartree / Bohr
    )
    assert output.hirshfeld[-2:] == pytest.approx([0.124, 0.119])
    assert output.hirshfeld.sum() == pytest.approx(0.0, abs=2e-3)
    assert output.mulliken.sum() == pytest.approx(0.0, abs=1e-4)
    assert output.spins is None and output.s_squared is None
    assert output.version == "CP2K version 2023.1"


def test_metal_has_a_fermi_level_and_two_energies():
    output = parse_output(*recorded("platinum_in_field"), 12)
    assert output.fermi_level is not None and -2.0 < output.fermi_level < 2.0
    assert output.energy != output.total_energy
    assert output.energy == pytest.approx(output.total_energy, abs=0.1)
    assert np.abs(output.forces.sum(0)).max() < 0.2


def test_open_shell_charges_are_not_spins():
    output = parse_output(*recorded("vacancy_open_shell"), 35)
    assert output.scf_steps == 115  # all inner loops of the outer loop
    assert output.s_squared == pytest.approx(0.750798)
    assert output.fermi_level is None
    assert output.mulliken[:2] == pytest.approx([0.854539, 0.850404])
    assert output.mulliken.sum() == pytest.approx(1.0, abs=1e-4)
    assert output.spins.sum() == pytest.approx(1.0, abs=1e-4)
    assert output.hirshfeld[0] == pytest.approx(0.561)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("*** SCF run converged in", "*** SCF run NOT converged in"), "not converged"),
        (("converged in    30 steps", "converged in     1 steps"), "too few"),
        (("ENERGY| Total FORCE_EVAL", "energy"), "no energy"),
        (("Hirshfeld Charges", "nothing"), "Hirshfeld"),
    ],
)
def test_incomplete_outputs_are_refused(change, reason):
    text, forces = recorded("platinum_in_field")
    with pytest.raises(OutputError, match=reason):
        parse_output(text.replace(*change), forces, 12)


def test_missing_forces_are_refused():
    text, forces = recorded("platinum_in_field")
    with pytest.raises(OutputError, match="forces"):
        parse_output(text, "\n".join(forces.splitlines()[:8]), 12)


def test_an_output_that_stops_early_is_refused():
    with pytest.raises(OutputError, match="ended before"):
        parse_output("CP2K| version string: CP2K version 2023.1\n", "", 1)


def test_cube_values_in_order(tmp_path):
    values = np.arange(24.0).reshape(2, 3, 4)
    lines = ["comment", "comment", "    1    0.0 0.0 0.0"]
    lines += [f"{n} 0.1 0.0 0.0" for n in values.shape] + ["8 6.0 0.0 0.0 0.0"]
    lines += [" ".join(f"{v:.5E}" for v in row) for row in values.reshape(-1, 4)]
    path = tmp_path / "a.cube"
    path.write_text("\n".join(lines))
    assert np.array_equal(read_cube(path), values)
    path.write_text("\n".join(lines[:-1]))
    with pytest.raises(OutputError, match="20 values"):
        read_cube(path)
