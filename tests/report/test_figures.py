import shutil

import ase
import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from bench.cli import main
from bench.evaluate.registry import METRICS
from bench.report.charge_figure import charge_figure
from bench.report.drawing import STYLE, NoData, styled
from bench.report.field_figure import field_figure
from bench.report.figures import draw_figures
from bench.report.learning import learning_curves
from bench.report.parity_figure import parity_figure
from bench.runs.folder import RunFolder
from bench.train.log import read_log
from tests.evaluate.predicted import frame

OF_FIELDS = {"induced_dipole", "induced_profiles", "born_charges"}
OF_CHARGES = {"charge_states", "added_charge", "formation_energy"}
NAMES = {"learning_curves", "parity", *OF_FIELDS, *OF_CHARGES}


def frames_of(folder) -> list[ase.Atoms]:
    return RunFolder(folder).read_predictions()


def points(figure: Figure, panel: int) -> int:
    """Marked points in a panel; its lines do not count."""
    return sum(
        len(line.get_xdata()) for line in figure.axes[panel].lines if line.get_marker() != "None"
    )


def assert_every_panel_is_drawn_and_labelled(figure: Figure) -> None:
    assert figure.axes
    assert figure.get_suptitle()
    for axes in figure.axes:
        assert any(len(line.get_xdata()) > 1 for line in axes.lines)
        for label in (axes.get_xlabel(), axes.get_ylabel()):
            assert label
            assert label in ("step", "epoch", "loss", "learning rate") or "(" in label, "a unit"


def test_writes_what_has_data_and_says_what_has_not(slab_run, bulk_run, tmp_path) -> None:
    for folder, missing in ((slab_run, OF_CHARGES), (bulk_run, OF_FIELDS)):
        copy = shutil.copytree(folder, tmp_path / folder.name)
        drawn = draw_figures(RunFolder(copy))
        written = {path.name for path in (copy / "figures").iterdir()}
        assert written == {f"{n}.{s}" for n in NAMES - missing for s in ("png", "pdf")}
        assert {path.name for path in drawn.files} == written
        assert set(drawn.skipped) == missing
        assert all("in the test set" in reason for reason in drawn.skipped.values())
        assert all(path.stat().st_size > 5000 for path in drawn.files)


def test_one_command_draws_a_run_anew_with_pdf(slab_run, tmp_path, capsys) -> None:
    copy = shutil.copytree(slab_run, tmp_path / "run")
    draw_figures(RunFolder(copy), formats=["png"])
    assert {path.suffix for path in (copy / "figures").iterdir()} == {".png"}
    assert main(["figures", f"run={copy}"]) == 0
    told = capsys.readouterr().out
    assert str(copy / "figures/parity.png") in told and "no charge_states: " in told
    assert (copy / "figures/parity.pdf").stat().st_size > 5000
    assert main(["figures", "design_space", f"run={copy}"]) == 2
    assert "Leave out the names" in capsys.readouterr().err


def test_a_run_without_a_log_still_has_its_other_figures(slab_run, tmp_path) -> None:
    copy = shutil.copytree(slab_run, tmp_path / "run")
    (copy / "training_log.csv").unlink()
    drawn = draw_figures(RunFolder(copy))
    assert drawn.skipped["learning_curves"].endswith("training_log.csv does not exist.")
    assert "parity.png" in {path.name for path in drawn.files}


def test_the_same_run_gives_the_same_files(slab_run, tmp_path) -> None:
    copies = [shutil.copytree(slab_run, tmp_path / name) for name in "ab"]
    files = [draw_figures(RunFolder(copy)).files for copy in copies]
    for one, other in zip(*files):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_parity_shows_every_value_and_the_metrics_error(slab_run) -> None:
    frames = frames_of(slab_run)
    figure = parity_figure(frames, "title")
    assert_every_panel_is_drawn_and_labelled(figure)
    atoms = sum(map(len, frames))
    metals = sum("REF_fermi_level" in frame.info for frame in frames)
    counts = [len(frames), 3 * atoms, atoms, 3 * atoms, len(frames), metals, atoms]
    assert [points(figure, k) for k in range(7)] == counts
    value = {
        r["name"]: r["value"]
        for r in RunFolder(slab_run).read_metrics()["metrics"]
        if r["subset"] == "all"
    }
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == [
        f"RMSE {value['energy_rmse']:.3g} meV/atom",
        f"RMSE {value['forces_rmse']:.3g} meV/Å",
        f"RMSE {value['charges_rmse']:.3g} e",
        f"RMSE {value['atomic_dipoles_rmse']:.3g} e Å",
        f"RMSE {value['dipole_rmse']:.3g} e Å",
        f"RMSE {value['fermi_level_rmse']:.3g} eV",
        f"RMSE {value['potential_rmse']:.3g} V",
    ]


def test_parity_has_panels_for_what_is_predicted(bulk_run) -> None:
    frames = frames_of(bulk_run)
    for atoms in frames:
        del atoms.arrays["PRED_multipoles"], atoms.arrays["PRED_electrostatic_potential"]
    figure = parity_figure(frames, "title")
    assert [axes.get_ylabel() for axes in figure.axes] == ["model (meV/atom)", "model (meV/Å)"]


def test_parity_leaves_out_the_unsound_and_says_so(spoilt_run) -> None:
    frames = frames_of(spoilt_run)
    figure = parity_figure(frames, "pt_water")
    assert figure.get_suptitle() == "pt_water; unconverged structures, not shown: 1"
    assert points(figure, 0) == len(frames) - 2
    assert points(figure, 4) == len(frames) - 1


def test_nothing_to_compare_is_no_figure() -> None:
    with pytest.raises(NoData, match="no structure"):
        parity_figure([frame(SCF_converged=False)], "title")


def test_induced_dipole_has_a_panel_per_series_with_both_slopes(slab_run) -> None:
    figure = field_figure(frames_of(slab_run), "title")
    assert_every_panel_is_drawn_and_labelled(figure)
    slopes = {
        (r["name"], r["subset"]): r["value"]
        for r in RunFolder(slab_run).read_metrics()["metrics"]
        if r["subset"].startswith("group=") and r["name"].startswith("dipole_slope")
    }
    assert len(figure.axes) == len(slopes) // 2
    for axes in figure.axes:
        group = axes.get_title().split("\n")[0]
        model, dft = slopes["dipole_slope", group], slopes["dipole_slope_reference", group]
        assert axes.get_title() == f"{group}\nslope DFT {dft:.3g}, model {model:.3g} e Å²/V"
        assert axes.get_xlabel() == "felt field along z (V/Å)"


def test_lines_have_the_slopes_that_they_claim() -> None:
    frames = [frame(field=e, dipole=(1.5 * e - 0.2, 2.0 * e + 7.0)) for e in (-0.2, 0.1, 0.4)]
    (axes,) = field_figure(frames, "title").axes
    lines = [line for line in axes.lines if line.get_marker() == "None"]
    slopes = [np.ptp(line.get_ydata()) / np.ptp(line.get_xdata()) for line in lines]
    assert slopes == pytest.approx([1.5, 2.0])
    markers = [line for line in axes.lines if line.get_marker() != "None"]
    assert [np.mean(line.get_ydata()) for line in markers] == pytest.approx([0.0, 0.0], abs=1e-12)


def test_a_point_without_dipole_has_no_field_figure() -> None:
    frames = [frame(field=e, dipole=(e, e)) for e in (-0.2, 0.1, 0.4)]
    for atoms in frames:
        del atoms.info["PRED_dipole"]
    with pytest.raises(NoData, match="not predicted"):
        field_figure(frames, "title")


def test_charge_states_show_the_three_combinations(bulk_run) -> None:
    figure = charge_figure(frames_of(bulk_run), "title")
    assert_every_panel_is_drawn_and_labelled(figure)
    counts = {
        r["name"]: r["n"]
        for r in RunFolder(bulk_run).read_metrics()["metrics"]
        if r["subset"] == "all"
    }
    families = ("charge_difference", "charge_spread", "charge_curvature")
    assert all(f"{family}_rmse" in METRICS for family in families)
    assert [points(figure, k) for k in range(3)] == [counts[f"{f}_rmse"] for f in families]


def test_a_charge_blind_point_has_no_charge_figure() -> None:
    frames = [frame(charge=q, charge_blind=True) for q in (0, 1)]
    with pytest.raises(NoData, match="does not know the total charge"):
        charge_figure(frames, "title")


def test_learning_curves_come_from_the_log(slab_run) -> None:
    log = RunFolder(slab_run).read_log()
    assert log.units["valid_forces_rmse"] == "meV/Å"
    assert log.columns["valid_energy_rmse"][3] == pytest.approx(40.0)
    assert np.isnan(log.columns["valid_dipole_rmse"]).all()
    assert np.isnan(log.columns["valid_loss"][5])
    figure = learning_curves(log, "title")
    assert_every_panel_is_drawn_and_labelled(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == [
        "loss",
        "energy above baseline\nRMSE (meV/atom)",
        "force components\nRMSE (meV/Å)",
        "learning rate",
    ]
    assert [text.get_text().strip() for text in figure.axes[0].texts] == ["direct", "implicit"]
    change = figure.axes[0].lines[-1].get_xdata()
    assert list(change) == [39.0, 39.0]


def test_a_log_without_numbers_is_no_figure(tmp_path) -> None:
    path = tmp_path / "training_log.csv"
    path.write_text("epoch,mode,train_loss,learning_rate\n0,direct,nan,\n")
    with pytest.raises(NoData, match="no finite number"):
        learning_curves(read_log(path), "title")


def test_the_style_travels_and_takes_its_colours_from_okabe_and_ito() -> None:
    """Their palette can be told apart with every kind of colour vision."""
    palette = ["000000", "E69F00", "56B4E9", "009E73", "F0E442", "0072B2", "D55E00", "CC79A7"]
    with styled():
        cycle = [entry["color"] for entry in mpl.rcParams["axes.prop_cycle"]]
    assert sorted(to_hex(colour).upper() for colour in cycle) == sorted(f"#{c}" for c in palette)
    assert STYLE.is_file() and STYLE.parent.name == "report"


def test_panels_tell_series_apart_by_more_than_colour(slab_run) -> None:
    for axes in parity_figure(frames_of(slab_run), "title").axes:
        markers = [line.get_marker() for line in axes.lines if line.get_marker() != "None"]
        assert len(set(markers)) == len(markers) > 1
