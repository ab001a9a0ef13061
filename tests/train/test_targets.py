"""Which losses act, and what is said of those that do not."""

from __future__ import annotations

import pytest

from bench.config.schema import Guess, LossWeights, ModelConfig
from bench.errors import BenchError
from bench.train.targets import (
    allowed_losses,
    check_reference_density,
    check_stability_loss,
    choose_losses,
)
from tests.structures import bulk, slab
from tests.train.toy import ToyPoint, dataset, frames, report


def test_a_stability_loss_that_changes_nothing_is_refused() -> None:
    with pytest.raises(BenchError, match=r"training\.loss\.stability=0"):
        check_stability_loss({"stability": 1.0}, report(1))
    check_stability_loss({"stability": 1.0}, None)  # direct training solves nothing
    health = report(1)
    health.response_max.requires_grad_()
    check_stability_loss({"stability": 1.0}, health)


def test_losses_that_the_point_does_not_predict_are_dropped_with_the_reason() -> None:
    losses = choose_losses(
        LossWeights(fermi_level=1.0, stability=0.0), allowed_losses(ToyPoint()), dataset().frames
    )
    assert losses.dropped == {"fermi_level": "not predicted by this point"}
    assert set(losses.weights) == {"energy", "forces", "multipoles", "total_charge", "dipole"}


def test_a_dipole_that_is_nowhere_defined_is_dropped() -> None:
    losses = choose_losses(LossWeights(), ["energy", "dipole"], {"train": [bulk()], "valid": []})
    assert losses.dropped["dipole"] == "no component is defined in the training set"


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize(
    ("label", "key"), [("forces", "REF_forces"), ("multipoles", "REF_multipoles")]
)
def test_a_missing_label_is_refused(split: str, label: str, key: str) -> None:
    structures = {"train": frames(4), "valid": frames(4)}
    for atoms in structures[split][2:]:
        del (atoms.info if key in atoms.info else atoms.arrays)[key]
    with pytest.raises(BenchError) as caught:
        choose_losses(LossWeights(), [label, "energy"], structures)
    text = str(caught.value)
    assert f"{key}, missing in 2 of 4 structures of split {split} (first: index 2)" in text
    assert f"training.loss.{label}=0" in text
    choose_losses(LossWeights(**{label: 0.0}), [label, "energy"], structures)


def test_a_missing_dipole_is_refused_but_a_masked_one_is_not() -> None:
    masked, missing = frames(1)[0], frames(1)[0]
    masked.info["dipole_mask"][:] = 0
    del masked.info["REF_dipole"], missing.info["REF_dipole"]
    choose_losses(LossWeights(), ["dipole"], {"train": [masked, *frames(1)]})
    with pytest.raises(BenchError, match="REF_dipole, missing in 1 of 2"):
        choose_losses(LossWeights(), ["dipole"], {"train": [missing, *frames(1)]})


@pytest.mark.parametrize(
    ("name", "other"), [("stress", bulk), ("polarizability", slab), ("fermi_level", slab)]
)
def test_a_label_of_some_is_enough_and_their_number_is_said(name: str, other: object) -> None:
    with_it = other()
    without = [other(), other()]
    for atoms in without:
        del atoms.info[f"REF_{name}"]
    weights = LossWeights(**{name: 1.0})
    structures = {"train": [*without, with_it], "valid": [with_it]}
    assert choose_losses(weights, [name], structures).partial == {
        name: "1 of 3 training structures"
    }
    choose_losses(weights, [name], {"train": [with_it], "valid": without})


@pytest.mark.parametrize(("name", "other"), [("stress", bulk), ("polarizability", slab)])
def test_a_label_that_is_asked_for_and_nowhere_is_refused(name: str, other: object) -> None:
    without = other()
    del without.info[f"REF_{name}"]
    with pytest.raises(BenchError, match=f"REF_{name}, missing in 1 of 1 .* of split train"):
        choose_losses(LossWeights(**{name: 1.0}), [name], {"train": [without], "valid": [other()]})


def test_insulators_alone_teach_no_fermi_level() -> None:
    insulator = bulk()
    del insulator.info["REF_fermi_level"]
    losses = choose_losses(LossWeights(), ["energy", "fermi_level"], {"train": [insulator]})
    assert losses.dropped["fermi_level"] == "no training structure has one"


def test_a_stress_without_a_crystal_is_none() -> None:
    strained = slab()
    strained.info["REF_stress"] = [[0.0] * 3] * 3
    with pytest.raises(BenchError, match="REF_stress, missing in 1 of 1"):
        choose_losses(LossWeights(stress=1.0), ["stress"], {"train": [strained]})


def test_potentials_need_reference_multipoles() -> None:
    structures = {"train": frames(2)}
    losses = choose_losses(
        LossWeights(electrostatic_potential=1.0), ["electrostatic_potential"], structures
    )
    assert losses.weights == {"electrostatic_potential": 1.0}
    del structures["train"][1].arrays["REF_multipoles"]
    with pytest.raises(BenchError, match="on electrostatic_potential needs REF_multipoles"):
        choose_losses(
            LossWeights(electrostatic_potential=1.0), ["electrostatic_potential"], structures
        )


def test_no_loss_at_all_is_refused() -> None:
    with pytest.raises(BenchError, match="no loss is left"):
        choose_losses(LossWeights(energy=0.0, forces=0.0), ["energy"], {"train": frames(1)})


@pytest.mark.parametrize("everywhere", [True, False])
def test_charges_without_dipoles_teach_charges(everywhere: bool) -> None:
    structures = frames(3)
    for atoms in structures if everywhere else structures[1:]:
        atoms.arrays["REF_multipoles"] = atoms.arrays.pop("REF_multipoles")[:, 0]
    losses = choose_losses(LossWeights(), ["multipoles"], {"train": structures})
    assert set(losses.weights) == {"multipoles"}
    have = 0 if everywhere else 1
    assert losses.partial == {"atomic_dipoles": f"{have} of 3 training structures"}


def test_a_crystal_among_molecules_needs_neither_dipole_nor_mask() -> None:
    crystal = bulk()
    del crystal.info["dipole_mask"], crystal.info["REF_dipole"]
    losses = choose_losses(LossWeights(), ["dipole"], {"train": [crystal, *frames(1)]})
    assert losses.partial == {"dipole": "1 of 2 training structures"}


@pytest.mark.parametrize(("l_max", "refused"), [(0, False), (1, True)])
def test_charges_alone_are_a_density_where_there_are_no_dipoles(l_max: int, refused: bool) -> None:
    data, model = dataset(), ModelConfig(name="scf_qeq", l_max=l_max)
    for atoms in data.frames["train"]:
        atoms.arrays["REF_multipoles"] = atoms.arrays.pop("REF_multipoles")[:, :1]
    if not refused:
        check_reference_density(model, True, data.frames)
        return
    with pytest.raises(BenchError, match="direct training needs REF_multipoles") as error:
        check_reference_density(model, True, data.frames)
    assert "4 columns at model.l_max=1" in error.value.mend


def test_a_first_guess_from_the_reference_needs_it_everywhere() -> None:
    data, model = dataset(), ModelConfig(name="scf_qeq", initial_density=Guess.reference)
    check_reference_density(model, False, data.frames)
    del data.frames["test"][0].arrays["REF_multipoles"]
    with pytest.raises(BenchError, match=r"initial_density=reference needs .* of split test"):
        check_reference_density(model, False, data.frames)
