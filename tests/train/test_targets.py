"""Which losses act, and what is said of those that do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.config.schema import (
    Guess,
    LossWeights,
    Mode,
    ModelConfig,
    SystemConfig,
    TrainingConfig,
)
from bench.data.batch import GraphSettings, build_graph, collate
from bench.data.dataset import load_dataset
from bench.data.spreads import label_spreads
from bench.data.statistics import fit_baseline, training_means
from bench.errors import BenchError
from bench.labels.quantities import DIPOLE, FERMI_LEVEL, MULTIPOLES
from bench.models.prediction import Prediction
from bench.models.registry import point_class
from bench.testing.frames import bulk, slab
from bench.train.losses import squared_errors, weighted_loss
from bench.train.targets import (
    Losses,
    allowed_losses,
    check_reference_density,
    check_stability_loss,
    choose_losses,
    mode_of,
)
from tests.train.toy import ToyPoint, dataset, frames, report


@pytest.mark.parametrize(
    ("name", "responds"), [("local_charges", False), ("scf_qeq", True), ("global_embedding", False)]
)
def test_a_response_is_trained_where_two_derivatives_give_it(name: str, responds: bool) -> None:
    assert ("polarizability" in allowed_losses(point_class(name))) == responds


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
    told = "this point cannot be trained on it"
    unknown = ("fermi_level", "polarizability", "charge_difference")
    assert losses.dropped == dict.fromkeys(unknown, told)
    assert set(losses.weights) == {"energy", "forces", "multipoles", "total_charge", "dipole"}


def test_a_dipole_that_is_nowhere_defined_is_dropped() -> None:
    losses = choose_losses(LossWeights(), ["energy", "dipole"], {"train": [bulk()], "valid": []})
    assert losses.dropped["dipole"] == "no component is defined in the training set"


@pytest.mark.parametrize(
    ("label", "key"),
    [("forces", "REF_forces"), ("multipoles", "REF_multipoles"), ("dipole", "REF_dipole")],
)
def test_what_some_structures_have_is_trained_on_and_their_number_is_said(
    label: str, key: str
) -> None:
    structures = {"train": frames(4), "valid": frames(4)}
    for atoms in structures["train"][1:]:
        del (atoms.info if key in atoms.info else atoms.arrays)[key]
    losses = choose_losses(LossWeights(), [label, "energy"], structures)
    assert label in losses.weights and not losses.dropped.get(label)
    assert "1 of 4 training structures" in losses.partial.values()
    for atoms in structures["valid"]:
        del (atoms.info if key in atoms.info else atoms.arrays)[key]
    losses = choose_losses(LossWeights(), [label, "energy"], structures)
    told = "1 of 4 training structures and 0 of 4 validation structures"
    assert told in losses.partial.values()


@pytest.mark.parametrize(
    ("label", "key"),
    [("forces", "REF_forces"), ("multipoles", "REF_multipoles"), ("dipole", "REF_dipole")],
)
@pytest.mark.parametrize("how", ["by default", "another weight", "typed"])
def test_what_no_structure_has_is_left_out_or_refused_where_it_was_asked_for(
    label: str, key: str, how: str
) -> None:
    structures = {"train": frames(2), "valid": frames(2)}
    for atoms in structures["train"]:
        del (atoms.info if key in atoms.info else atoms.arrays)[key]
    weights = LossWeights(**{label: 3.0}) if how == "another weight" else LossWeights()
    asked = [label] if how == "typed" else []
    if how == "by default":
        losses = choose_losses(weights, [label, "energy"], structures, asked=asked)
        assert losses.dropped[label] == "no training structure has one"
        assert set(losses.weights) == {"energy"}
        return
    with pytest.raises(BenchError) as error:
        choose_losses(weights, [label, "energy"], structures, asked=asked)
    weight = getattr(weights, label)
    assert error.value.problem == (
        f"training.loss.{label}={weight:g}, but no training structure has one."
    )
    assert f"Add the label {key}" in error.value.mend
    assert f"training.loss.{label}=0" in error.value.mend


def test_molecules_without_dipoles_lack_a_label_and_crystals_do_not() -> None:
    molecule, crystal = frames(1)[0], bulk()
    for atoms in (molecule, crystal):
        del atoms.info["REF_dipole"], atoms.info["dipole_mask"]
    for atoms, why in ((molecule, "no training structure has one"), (crystal, "no component is ")):
        dropped = choose_losses(LossWeights(), ["energy", "dipole"], {"train": [atoms]}).dropped
        assert dropped["dipole"].startswith(why)


def test_a_masked_dipole_is_no_missing_label() -> None:
    masked = frames(1)[0]
    masked.info["dipole_mask"][:] = 0
    del masked.info["REF_dipole"]
    losses = choose_losses(LossWeights(), ["dipole"], {"train": [masked, *frames(1)]})
    assert losses.partial == {"dipole": "1 of 2 training structures"}


def asks_for_direct(mode: Mode = Mode.staged) -> ToyPoint:
    point = ToyPoint()
    point.modes, point.recommended = (Mode.direct, Mode.implicit, Mode.staged), mode
    return point


@pytest.mark.parametrize("recommended", [Mode.direct, Mode.staged])
@pytest.mark.parametrize("lacking", ["everywhere", "somewhere", "dipoles"])
def test_auto_trains_implicitly_where_there_is_no_reference_density(
    recommended: Mode, lacking: str
) -> None:
    train = frames(4)
    for atoms in train if lacking == "everywhere" else train[2:]:
        rows = atoms.arrays.pop("REF_multipoles")
        if lacking == "dipoles":
            atoms.arrays["REF_multipoles"] = rows[:, :1]
    chosen, why = mode_of(TrainingConfig(), asks_for_direct(recommended), train, l_max=1)
    assert chosen.mode is Mode.implicit
    number = 4 if lacking == "everywhere" else 2
    assert why == (
        "training.mode=auto is implicit: direct steps need REF_multipoles up to l = 1, missing in "
        f"{number} of 4 training structures"
    )
    if lacking == "dipoles":  # charges are a whole density without dipoles
        assert mode_of(TrainingConfig(), asks_for_direct(recommended), train, l_max=0)[1] == ""


@pytest.mark.parametrize("mode", [Mode.direct, Mode.staged, Mode.unrolled])
def test_a_mode_that_was_asked_for_stays(mode: Mode) -> None:
    train = frames(1)
    del train[0].arrays["REF_multipoles"]
    config = TrainingConfig(mode=mode)
    assert mode_of(config, asks_for_direct(), train, l_max=1) == (config, "")
    config = TrainingConfig()
    assert mode_of(config, asks_for_direct(Mode.implicit), train, l_max=1) == (config, "")
    assert mode_of(config, asks_for_direct(), frames(1), l_max=1) == (config, "")


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
    with pytest.raises(BenchError, match=f"loss.{name}=2, but no training structure has one"):
        choose_losses(LossWeights(**{name: 2.0}), [name], {"train": [without], "valid": [other()]})


def test_insulators_alone_teach_no_fermi_level() -> None:
    insulator = bulk()
    del insulator.info["REF_fermi_level"]
    losses = choose_losses(LossWeights(), ["energy", "fermi_level"], {"train": [insulator]})
    assert losses.dropped["fermi_level"] == "no training structure has one"


def test_a_stress_without_a_crystal_is_none() -> None:
    strained = slab()
    strained.info["REF_stress"] = [[0.0] * 3] * 3
    with pytest.raises(BenchError, match="but no component is defined in the training set"):
        choose_losses(LossWeights(stress=1.0), ["stress"], {"train": [strained]})


def test_potentials_need_all_multipoles_of_the_density() -> None:
    structures = {"train": frames(2)}
    weights, name = LossWeights(electrostatic_potential=1.0), "electrostatic_potential"
    assert choose_losses(weights, [name], structures).weights == {name: 1.0}
    for atoms in structures["train"]:
        atoms.arrays["REF_multipoles"] = atoms.arrays["REF_multipoles"][:, :1]
    assert choose_losses(weights, [name], structures, l_max=0).weights == {name: 1.0}
    with pytest.raises(BenchError, match="no training structure has multipoles up to l = 1"):
        choose_losses(weights, [name], structures, l_max=1)
    for atoms in structures["train"]:
        del atoms.arrays["REF_multipoles"]
    with pytest.raises(BenchError, match="no training structure has multipoles"):
        choose_losses(weights, [name], structures)


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


def test_the_weight_of_a_quantity_is_shared_by_its_labelled_parts() -> None:
    losses = Losses({"energy": 10.0, "multipoles": 2.0, "stability": 3.0}, {})
    spreads = {"energy": 0.1, "charges": 0.5, "atomic_dipoles": 0.2}
    assert losses.factors(spreads) == pytest.approx(
        {"energy": 1000.0, "charges": 4.0, "atomic_dipoles": 25.0, "stability": 3.0}
    )
    del spreads["atomic_dipoles"]
    assert losses.factors(spreads)["charges"] == 8.0
    del spreads["charges"]
    with pytest.raises(BenchError, match="the loss on multipoles has no spread"):
        losses.factors(spreads)


@pytest.mark.parametrize("system", ["pt_water", "sio2_vacancy"])
def test_predicting_the_mean_pays_every_weight(system: str) -> None:
    """The loss is scale-free: of no system, no unit and no label is more than its weight asked."""
    frames = load_dataset(SystemConfig(name=system)).frames["train"]
    elements = tuple(sorted({int(z) for atoms in frames for z in atoms.numbers}))
    settings = GraphSettings(elements, 2.0, 1.5, 1.5, torch.float64)
    baseline, means = fit_baseline(frames, elements), training_means(frames)
    batch = collate([build_graph(atoms, settings) for atoms in frames])
    multipoles = np.concatenate([means.of(atoms, MULTIPOLES) for atoms in frames])
    lazy = Prediction(
        energy=torch.tensor([baseline.energy(atoms) for atoms in frames], dtype=torch.float64),
        energy_parts={},
        forces=torch.zeros(len(multipoles), 3, dtype=torch.float64),
        multipoles=torch.as_tensor(multipoles),
        total_charge=batch.per_structure(torch.as_tensor(multipoles[:, 0])),
    )
    for quantity in (DIPOLE, FERMI_LEVEL):
        mean = means.of(frames[0], quantity)
        if mean is not None:
            rows = torch.as_tensor(mean).expand(len(frames), -1)
            setattr(lazy, quantity.name, rows if quantity is DIPOLE else rows[:, 0])
    predicted = ["energy", "forces", "multipoles", "total_charge", "dipole", "fermi_level"]
    weights = LossWeights(energy=7.0, forces=5.0)
    losses = choose_losses(weights, [*predicted, "charge_difference"], {"train": frames})
    squares = squared_errors(lazy, batch, stable_range=(-9.0, 1.0))
    for name, weight in losses.weights.items():
        factors = Losses({name: weight}, {}).factors(label_spreads(frames))
        paid = weighted_loss(squares, factors).item()
        if name == "total_charge":
            assert 0.0 < paid <= weight + 1e-9
        else:
            assert paid == pytest.approx(weight, rel=1e-9), name
    assert ("charge_difference" in losses.weights) == (system == "sio2_vacancy")


def test_charge_differences_need_two_charge_states_and_room_for_both() -> None:
    structures = {"train": frames(2)}
    names, reason = ["energy", "charge_difference"], "no geometry is at several total charges"
    assert reason in choose_losses(LossWeights(), names, structures).dropped["charge_difference"]
    with pytest.raises(BenchError, match=reason) as error:
        choose_losses(LossWeights(charge_difference=2.0), names, structures)
    assert error.value.mend == "Leave the loss out: training.loss.charge_difference=0"
    for atoms, charge in zip(structures["train"], (0.0, 1.0)):
        atoms.info |= {"group": "a", "total_charge": charge}
    losses = choose_losses(LossWeights(), names, structures)
    assert losses.weights["charge_difference"] == 3.0
    told = choose_losses(LossWeights(), names, structures, batch_size=1)
    assert "batch_size=1" in told.dropped["charge_difference"]
