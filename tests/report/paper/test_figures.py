"""Every figure shows the numbers that the runs hold, or says why there is none."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from matplotlib.figure import Figure

from bench.cli import main
from bench.evaluate.added_charge import radial_charge
from bench.evaluate.charge_groups import charge_groups, state_pairs
from bench.evaluate.registry import BEYOND
from bench.evaluate.series import field_series
from bench.labels.keys import ELECTRON_PROFILE_KEY
from bench.report.added_charge_figure import RADII
from bench.report.drawing import NoData
from bench.report.paper import accuracy_cost, formation_energies, training_modes, training_size
from bench.report.paper.caption import caption
from bench.report.paper.draw import drawing, write_figures
from bench.report.paper.field_response import series_by_kind
from bench.report.paper.registry import FIGURES
from bench.report.profile_figure import one_of_each_kind
from bench.runs.folder import Status
from bench.storage import write_csv
from bench.train.log import lines
from tests.report.conftest import epoch_row
from tests.report.paper.made import probed, run, scene, seeds
from tests.report.synthetic import predict, reference
from tests.runs.test_collection import write_run

SERIES = {
    "dipole_slope_reference[group=both]": 1.8,
    "dipole_slope_reference[group=metal]": 1.2,
    "dipole_slope_reference[group=water]": 0.3,
    "layer_slope_reference[group=both, layer 1]": -0.1,
    "layer_slope_reference[group=both, H2O]": 0.1,
    "layer_slope_reference[group=metal, layer 1]": -0.1,
    "cooperativity_reference[group=both]": 0.3,
    "screening_ratio_reference[group=metal]": 0.05,
}
FIELDS = {
    **SERIES,
    "dipole_slope[group=both]": 2.0,
    "dipole_slope[group=metal]": 1.0,
    "dipole_slope[group=water]": 0.5,
    "cooperativity[group=both]": 0.5,
    "screening_ratio[group=metal]": 0.2,
    "born_charge_rmse": 0.1,
    f"induced_dipole_rmse[{BEYOND}]": 0.2,
    "dipole_slope_rmse": 0.2,
    "forces_rmse": 40.0,
}
CHARGES = {
    "forces_rmse": 40.0,
    "charge_difference_rmse": 0.2,
    "charge_spread_rmse": 0.1,
    "charge_forces_rmse": 30.0,
    "vacancy_charge[charge=+1]": 0.5,
    "vacancy_charge_reference[charge=+1]": 0.4,
    "transition_level[level=+1/0]": 3.0,
    "transition_level_reference[level=+1/0]": 3.3,
    "transition_level[level=0/-1]": 8.0,
    "transition_level_reference[level=0/-1]": 8.8,
}


def marked(figure: Figure, panel: int) -> dict[str, float]:
    """Label to where a panel has its marker."""
    found = {}
    for line in figure.axes[panel].lines:
        if line.get_marker() not in ("None", None) and not line.get_label().startswith("_"):
            found[line.get_label()] = float(line.get_xdata()[0])
    return found


def panels_of(figure: Figure) -> dict[str, int]:
    """First line of the title to the place of each panel."""
    return {axes.get_title().split("\n")[0]: k for k, axes in enumerate(figure.axes)}


@pytest.fixture
def fields(tmp_path):
    """One point with charges, one without any answer."""
    run(tmp_path, "polar", FIELDS)
    run(tmp_path, "short_range", {"born_charge_rmse": 0.4, "forces_rmse": 60.0})
    return scene(tmp_path)


@pytest.fixture
def charged(tmp_path):
    """Two seeds of one point, and one that is blind."""
    for seed in (0, 1):
        run(tmp_path, "polar", CHARGES, "system=sio2_vacancy", f"seed={seed}")
    run(tmp_path, "short_range", {"forces_rmse": 60.0}, "system=sio2_vacancy")
    return scene(tmp_path)


def test_metal_water_and_interface_are_told_apart_by_their_layers(fields):
    assert series_by_kind(fields) == {
        "metal alone": ["group=metal"],
        "H2O alone": ["group=water"],
        "metal with H2O": ["group=both"],
    }


def test_field_response_shows_every_kind_with_dft_and_a_dash_where_nothing_is_said(fields):
    made = drawing(fields, "field_response")
    places = panels_of(made.figure)
    shown = {title: marked(made.figure, place) for title, place in places.items()}
    assert shown["metal alone"] == {"polar": 1.0} and shown["H2O alone"] == {"polar": 0.5}
    assert shown["metal with H2O"] == {"polar": 2.0} and shown["cooperativity"] == {"polar": 0.5}
    assert shown["Born charges"] == {"polar": 0.1, "short_range": 0.4}
    metal = made.figure.axes[places["metal alone"]]
    assert metal.lines[0].get_xdata()[0] == 1.2 and "DFT 1.2" in metal.get_title()
    assert [text.get_text() for text in metal.texts] == ["–"]
    assert metal.get_xlabel() == "dM/dE (e Å²/V)"


def test_series_of_a_system_without_layers_are_of_one_kind(tmp_path):
    run(tmp_path, "polar", {"dipole_slope_reference[group=a]": 1.0, "dipole_slope[group=a]": 1.0})
    assert series_by_kind(scene(tmp_path)) == {"all series": ["group=a"]}


def test_the_design_space_has_axes_in_words_errors_and_cost(fields):
    figure = drawing(fields, "design_space").figure
    words = [text.get_text() for text in figure.axes[0].texts]
    assert {"density", "response", "energy", "polar", "local readout"} <= set(words)
    places = panels_of(figure)
    assert marked(figure, places["forces"]) == {"short_range": 60.0, "polar": 40.0}
    assert marked(figure, places["CPU time of a run"]) == {"short_range": 1.0, "polar": 1.0}


def test_charge_states_show_errors_and_where_the_charge_sits(charged):
    made = drawing(charged, "charge_states")
    places = panels_of(made.figure)
    assert marked(made.figure, places["E(Q) − E(0)"]) == {"polar": 0.2}
    near = places["added charge within 3 Å,"]
    assert marked(made.figure, near) == {"polar": 0.5}
    assert "DFT 0.4" in made.figure.axes[near].get_title()


def test_formation_energies_follow_from_levels_by_hand():
    """E(+1) = −3 and E(−1) = 8 eV at ε_F = 0: the levels are 3 and 8 eV."""
    charges, energies = np.array([1.0, -1.0, 0.0]), np.array([-3.0, 8.0, 0.0])
    stable = formation_energies.most_stable(np.array([0.0, 3.0, 5.0, 8.0, 9.0]), charges, energies)
    assert stable.tolist() == [-3.0, 0.0, 0.0, 0.0, -1.0]


def states(*levels):
    """Charge states of geometries with levels ε(Q/0) in eV, of DFT and of the model: (DFT, model)
    by charge.  E(Q) = −Q ε(Q/0), with neither a cell to correct for nor a baseline.
    """
    frames = []
    for number, by_charge in enumerate(levels):
        for charge in (0.0, *by_charge):
            reference, predicted = (-charge * e for e in by_charge.get(charge, (0.0, 0.0)))
            atoms = Atoms("O", [[float(number), 0, 0]], cell=[9, 9, 9], pbc=False)
            atoms.info |= {"group": f"g{number}", "total_charge": charge, "uid": "u"}
            atoms.info |= {"electric_field": np.zeros(3), "BASELINE_energy": 0.0}
            atoms.info |= {"REF_energy": reference, "PRED_energy": predicted}
            frames.append(atoms)
    return frames


def bends(axes, label):
    """Fermi levels where a curve changes its slope."""
    (line,) = [line for line in axes.lines if line.get_label() == label]
    x, slopes = line.get_xdata(), np.diff(line.get_ydata()) / np.diff(line.get_xdata())
    return x[1:-1][np.abs(np.diff(slopes)) > 1e-6]


def test_formation_energies_bend_at_the_levels_of_geometries_that_have_all_charges(tmp_path):
    """Where a third geometry has +2 alone, its other level moves no bend: ε(+2/+1) is 2 ε(+2/0) −
    ε(+1/0) of the same geometries, 2 · 2 − 3 = 1 eV in DFT and 2 · 2.5 − 3.5 = 1.5 eV in the model.
    """
    both = {1.0: (3.0, 3.5), 2.0: (2.0, 2.5)}
    for seed in (0, 1):
        folder = run(tmp_path, "polar", CHARGES, "system=sio2_vacancy", f"seed={seed}")
        folder.write_predictions(states(both, both, {2.0: (-5.0, 9.0)}, {-1.0: (8.0, 7.0)}))
        absent = {"relaxed_level_rmse": "no relaxed geometry"}
        folder.write_metrics({**folder.read_metrics(), "absent": absent})
    run(tmp_path, "short_range", {"forces_rmse": 60.0}, "system=sio2_vacancy")
    made = drawing(scene(tmp_path), "formation_energies")
    plus, minus = made.figure.axes
    assert plus.get_title().startswith("charges +1, +2") and "(2 geometries)" in plus.get_title()
    assert minus.get_title().startswith("charge −1") and "(1 geometries)" in minus.get_title()
    for label, levels in {"DFT": (1.0, 3.0), "polar": (1.5, 3.5)}.items():
        found = bends(plus, label)
        for level in levels:
            assert np.abs(found - level).min() < 0.02
        assert all(np.abs(np.array(levels) - at).min() < 0.02 for at in found)
    assert np.abs(bends(minus, "DFT") - 8.0).max() < 0.02
    assert (
        made.says[-1]
        == "Nothing is shown of geometries relaxed at each charge: no relaxed geometry."
    )


@pytest.mark.parametrize(
    ("having", "together"),
    [
        ([{1, 2, -1}, {1, 2, -1}], [[-1, 1, 2]]),
        ([{1, 2}, {2}, {-1}], [[1, 2], [-1]]),
        ([{1}, {2}, {2}], [[2]]),
        ([], []),
    ],
)
def test_charges_of_one_panel_share_their_geometries(having, together):
    levels = [{float(charge): (1.0, 1.0) for charge in charges} for charges in having]
    assert formation_energies.sides(charge_groups(states(*levels))) == together


def test_formation_energies_need_the_predictions(charged):
    with pytest.raises(NoData, match=r"predictions\.extxyz does not exist"):
        drawing(charged, "formation_energies")


def test_levels_say_of_how_many_geometries_and_why_there_is_none_relaxed(charged):
    made = drawing(charged, "transition_levels")
    assert [axes.get_title().split("\n")[2] for axes in made.figure.axes] == ["geometries: 5"] * 2
    assert "no model relaxed any" in made.says[-1]


def test_relaxed_charges_count_from_the_host(tmp_path):
    numbers = {"formation_energy[charge=0]": 7.0, "formation_energy_reference[charge=0]": 6.0}
    numbers |= {"formation_energy[charge=+1]": 2.0, "formation_energy_reference[charge=+1]": 1.0}
    run(tmp_path, "polar", numbers)
    (axes,) = drawing(scene(tmp_path), "formation_energies").figure.axes
    assert axes.get_title().endswith("over the relaxed host")
    curve = {line.get_label(): line for line in axes.lines}["polar"]
    assert np.interp(5.5, curve.get_xdata(), curve.get_ydata()) == pytest.approx(7.0)
    assert np.interp(4.5, curve.get_xdata(), curve.get_ydata()) == pytest.approx(6.5)


def test_the_front_holds_what_nothing_beats_in_both():
    cost, error = np.array([1.0, 2.0, 3.0, 3.0, 4.0]), np.array([9.0, 9.5, 5.0, 6.0, 5.0])
    assert accuracy_cost.front(cost, error) == [0, 2]


def test_accuracy_against_cost_draws_every_point_and_the_front(fields):
    figure = drawing(fields, "accuracy_cost").figure
    panel = figure.axes[panels_of(figure)["forces"]]
    at = {line.get_label(): (line.get_xdata()[0], line.get_ydata()[0]) for line in panel.lines}
    assert at["polar"] == (1.0, 40.0) and at["short_range"] == (1.0, 60.0)
    assert "short_range" in panel.get_xlabel()


def test_probes_are_means_over_checked_runs_with_the_bar(tmp_path):
    for seed, value in enumerate((2.6, 2.8)):
        folder = run(tmp_path, "scf_qeq", {"forces_rmse": 1.0}, f"seed={seed}")
        probed(folder, chain_exponent=(value, "", 1.2), fractional_charge=(0.3, "e", 0.01))
    made = drawing(scene(tmp_path), "qeq_pathologies")
    places = panels_of(made.figure)
    assert marked(made.figure, places["chain exponent"]) == {"scf_qeq": pytest.approx(2.7)}
    assert "passes up to 1.2" in made.figure.axes[places["chain exponent"]].get_title()
    assert any("Checked runs: 2 of each model." in says for says in made.says)
    assert not any("vacuum" in says for says in made.says)
    charge = made.figure.axes[places["fraction of a charge on"]]
    assert charge.get_xlabel() == "charge (e)"


def test_a_probe_without_a_number_is_not_drawn(tmp_path):
    """What is no number is null in the file."""
    folder = run(tmp_path, "scf_qeq", {"forces_rmse": 1.0})
    probed(folder, chain_exponent=(None, "", 1.2))
    with pytest.raises(NoData, match="no experiment has such numbers"):
        drawing(scene(tmp_path), "qeq_pathologies")


def trained(place, mode, numbers, *words):
    """A finished run with a log of two rows in one mode."""
    folder = run(place, "scf_qeq", numbers, f"training.mode={mode}", *words)
    write_csv(folder.training_files.log, lines([{**epoch_row(k), "mode": mode} for k in range(2)]))


def test_training_modes_put_the_reference_density_against_self_consistency(tmp_path):
    """Where each mode's mean over seeds stands, and that errors of another run are not in it."""
    numbers = {"direct": [(3.0, 8.0), (5.0, 10.0)], "implicit": [(7.0, 6.0)]}
    for mode, found in numbers.items():
        for seed, (at, own) in enumerate(found):
            errors = {"forces_at_reference_rmse": at, "forces_rmse": own, "energy_rmse": 1.0}
            trained(tmp_path, mode, errors, f"seed={seed}")
    made = drawing(scene(tmp_path), "training_modes")
    (forces,) = made.figure.axes
    drawn = {c.get_label(): c.lines[0].get_xydata().tolist() for c in forces.containers}
    assert drawn == {"scf_qeq, direct": [[4.0, 9.0]], "scf_qeq, implicit": [[7.0, 6.0]]}
    assert forces.get_xlabel() == "at reference density (meV/Å)"
    assert forces.get_xlim() == forces.get_ylim() and 0.0 < forces.get_xlim()[0] < 4.0
    assert "5 structures" in made.says[0]


def test_training_modes_of_runs_without_the_reference_density(tmp_path):
    for mode in ("direct", "implicit"):
        trained(tmp_path, mode, {"forces_rmse": 5.0})
    made = drawing(scene(tmp_path), "training_modes")
    assert [axes.get_title() for axes in made.figure.axes] == ["forces"]
    assert "bench evaluate run=FOLDER predict=true" in made.says[-1]


def test_what_auto_was_is_read_off_the_log(tmp_path):
    folder = run(tmp_path, "scf_fixed_point", {"forces_rmse": 5.0})
    write_csv(folder.training_files.log, lines([epoch_row(k) for k in range(12)]))
    assert training_modes.modes(scene(tmp_path))["mode"].tolist() == ["staged"]


def test_errors_against_the_size_of_the_training_set(tmp_path):
    for size, error in {10: 80.0, 20: 40.0, 40: 20.0}.items():
        seeds(tmp_path, "polar", "forces_rmse", [error, error], f"system.train_size={size}")
    found = scene(tmp_path)
    assert training_size.sizes(found)["size"].tolist() == [10, 20, 40]
    text = caption(found, drawing(found, "training_size"))
    assert "In names, train_size is system.train_size." in text and "Settings" not in text
    (axes,) = drawing(found, "training_size").figure.axes
    (line,) = [
        line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_marker() == "D"
    ]
    assert line.get_xdata().tolist() == [10, 20, 40] and line.get_ydata().tolist() == [80, 40, 20]
    low, high = axes.get_ylim()
    assert sum(low <= tick <= high for tick in axes.get_yticks()) >= 2


def curves(axes) -> dict[str, np.ndarray]:
    """Label to ordinates of the named curves of a panel."""
    return {
        line.get_label(): np.asarray(line.get_ydata())
        for line in axes.lines
        if not line.get_label().startswith("_")
    }


def test_profiles_are_means_over_seeds_of_the_runs_own(tmp_path):
    """An interface of the shipped data, its metal or water alone wherever the set has them."""
    slabs = reference("pt_water")
    known = [one for one in field_series(slabs) if ELECTRON_PROFILE_KEY in one.atoms.info]
    chosen = [a for a in slabs if a.info["group"] in {one.group for one in known[:3]}]
    profiles = []
    for seed, noise in enumerate((0.5, 1.5)):
        frames = [predict(a, None, noise=noise) for a in chosen]
        folder = run(tmp_path, "polar", {"density_slope_rmse": 1.0}, f"seed={seed}")
        folder.write_predictions(frames)
        profiles.append(one_of_each_kind(field_series(frames))[0])
    figure = drawing(scene(tmp_path), "profiles").figure
    columns = len(profiles[0])
    assert columns > 0 and len(figure.axes) == 2 * columns
    for k, pair in enumerate(zip(*profiles)):
        above, below = curves(figure.axes[k]), curves(figure.axes[columns + k])
        assert set(above) == {"polar", "DFT", "DFT's multipoles"}
        density = 1000.0 * np.mean([profile.density["predicted"] for _, profile in pair], axis=0)
        potential = np.mean([profile.potential["predicted"] for _, profile in pair], axis=0)
        assert above["polar"] == pytest.approx(density, rel=1e-5, abs=1e-5)
        assert below["polar"] == pytest.approx(potential, rel=1e-5, abs=1e-5)
        assert above["DFT"] == pytest.approx(1000.0 * pair[0][1].density["reference"], rel=1e-5)


def test_localisation_is_the_mean_over_geometries_of_the_added_charge(tmp_path):
    bulk = reference("sio2_vacancy")
    group = next(a.info["group"] for a in bulk if a.info["total_charge"] == 1)
    frames = [predict(a, None) for a in bulk if a.info["group"] == group]
    numbers = {"radial_charge_rmse": 0.1, "radial_charge_rmse[charge=+1]": 0.1}
    folder = run(tmp_path, "polar", numbers, "system=sio2_vacancy")
    folder.write_predictions(frames)
    figure = drawing(scene(tmp_path), "localisation").figure
    pairs = {pair.charge: pair for pair in state_pairs(charge_groups(frames))}
    assert [axes.get_title() for axes in figure.axes] == [
        f"Q = {charge:+g}".replace("-", "−") for charge in sorted(pairs)
    ]
    for axes, charge in zip(figure.axes, sorted(pairs)):
        expected = radial_charge(pairs[charge]).within(RADII)
        assert curves(axes)["DFT"] == pytest.approx(expected[0], abs=1e-6)
        assert curves(axes)["polar"] == pytest.approx(expected[1], abs=1e-6)


def test_without_predictions_there_are_no_profiles_and_the_file_is_named(tmp_path):
    run(tmp_path, "polar", {"density_slope_rmse": 1.0})
    with pytest.raises(NoData, match=r"predictions\.extxyz does not exist"):
        drawing(scene(tmp_path), "profiles")


def test_one_command_writes_png_pdf_and_caption_and_says_what_there_is_not(
    fields, tmp_path, capsys
):
    write_run(tmp_path, "x", "model=les", "preset=smoke", status=Status.diverged, reason="NaN")
    out = tmp_path / "figures"
    assert main(["figures", f"runs={tmp_path}", f"out={out}"]) == 0
    told = capsys.readouterr().out
    written = {path.name for path in (out / "pt_water/smoke").iterdir()}
    drawn = {"design_space", "accuracy_cost", "field_response"}
    assert written == {f"{name}.{ending}" for name in drawn for ending in ("png", "pdf", "txt")}
    assert {line.split(":")[0].split("/")[-1] for line in told.splitlines() if "no " in line} == (
        set(FIGURES) - drawn
    )
    assert "no pt_water/smoke/qeq_pathologies: no run has verdicts" in told
    text = (out / "pt_water/smoke/field_response.txt").read_text()
    assert "Data: pt_water, version dddddddddd, 5 test structures; preset smoke." in text
    assert "Seed 0." in text and "les (diverged: NaN)" in text and "95 %" in text
    assert "metal alone: 1, H2O alone: 1, metal with H2O: 1" in text
    again = write_figures([scene(tmp_path)], ["field_response"], tmp_path / "again").files
    for file in again:  # the same runs give the same files
        assert file.read_bytes() == (out / "pt_water/smoke" / file.name).read_bytes()


def test_a_name_with_signs_of_mathematics_is_drawn_as_it_is(tmp_path):
    run(tmp_path, "polar", {"forces_rmse": 1.0})
    found, name = scene(tmp_path), r"$\frac"
    found = replace(
        found, runs=found.runs.assign(label=name), numbers=found.numbers.assign(label=name)
    )
    made = write_figures([found], ["accuracy_cost", "design_space"], tmp_path / "out")
    assert len(made.files) == 6 and not made.skipped


def test_models_of_one_training_set_size_stand_beside_each_other(tmp_path):
    for size in (10, 20):
        for model in ("polar", "les"):
            seeds(tmp_path, model, "forces_rmse", [40.0, 41.0], f"system.train_size={size}")
    (axes,) = drawing(scene(tmp_path), "training_size").figure.axes
    first, second = (container.lines[0].get_xdata() for container in axes.containers)
    assert list(second / first) == pytest.approx([training_size.APART] * 2)
    assert list(first * second) == pytest.approx([10**2, 20**2])


def test_seeds_that_differ_are_told_by_experiment(tmp_path):
    seeds(tmp_path, "polar", "forces_rmse", [1.0, 2.0])
    seeds(tmp_path, "scf_qeq", "forces_rmse", [1.0])
    seeds(tmp_path, "les", "forces_rmse", [1.0, 2.0])
    found = scene(tmp_path)
    assert "Seeds 0, 1 (but scf_qeq 0)." in caption(found, drawing(found, "accuracy_cost"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["feild_response"], "Did you mean 'field_response'?"),
        (["runs=nowhere"], "nowhere does not exist."),
    ],
)
def test_mistakes_are_told(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["figures", *words]) == 2
    assert said in capsys.readouterr().err


def test_runs_that_allow_none_of_the_figures_are_a_mistake(fields, tmp_path, capsys):
    assert main(["figures", "training_size", f"runs={tmp_path}", f"out={tmp_path}/out"]) == 2
    told = capsys.readouterr()
    assert "no model was trained on two sizes" in told.out and "allow none" in told.err
