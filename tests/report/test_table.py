import io
from pathlib import Path

import pytest
from rich.console import Console

from bench.evaluate.record import record
from bench.report.table import BEYOND_CAPTION, metrics_table, tabulate
from bench.runs.folder import RunFolder
from bench.runs.records import MetricsFile

RUN = {"system": "pt_water", "model": "scf_qeq", "preset": "quick", "seed": 0}


def printed(folder: Path, *, terminal: bool, width: int = 80) -> str:
    """What the end of a run shows."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=terminal, width=width, color_system=None)
    console.print(metrics_table(RunFolder(folder)), soft_wrap=not terminal)
    return stream.getvalue()


def metrics(*records, **changes) -> MetricsFile:
    base = {"schema_version": 1, "run": RUN, "absent": {}, "unconverged": [], "non_finite": {}}
    return {**base, "metrics": [r.to_dict() for r in records], **changes}


def errors(name: str, mae: float, rmse: float, mean: float, **kind):
    return [
        record(f"{name}_mae", mae, n=4, **kind),
        record(f"{name}_rmse", rmse, n=4, ci95=(rmse / 2, rmse * 2), **kind),
        record(f"{name}_rmse_of_mean", mean, n=4, **kind),
    ]


def test_a_row_holds_errors_interval_and_the_means_error() -> None:
    table = tabulate(metrics(*errors("forces", 61.0, 80.0, 1230.0)))
    (section,) = table.sections
    assert section.title == "all test structures"
    assert [row.cells for row in section.rows] == [
        ("  forces", "meV/Å", "61", "80", "40–160", "1230", "4")
    ]
    assert table.title == "pt_water, scf_qeq, preset quick, seed 0"


def test_a_missing_interval_and_mean_are_dashes() -> None:
    records = [record("total_charge_mae", 0.1, n=2), record("total_charge_rmse", 0.2, n=2)]
    (section,) = tabulate(metrics(*records)).sections
    assert section.rows[0].cells[4:] == ("–", "–", "2")


def test_charge_states_name_their_charges_and_do_not_repeat_themselves() -> None:
    kinds = ("all", "charge=+1", "charge=+2")
    raw = [r for s in kinds for r in errors("charge_difference", 0.1, 0.2, 3.0, subset=s)]
    one = ("all", "charge=0,+1,+2")
    curvature = [r for s in one for r in errors("charge_curvature", 0.1, 0.2, 3.0, subset=s)]
    (section,) = tabulate(metrics(*raw, *curvature)).sections
    assert [row.cells[0].strip() for row in section.rows] == [
        "difference",
        "difference +1",
        "difference +2",
        "curvature 0,+1,+2",
    ]


def test_dipoles_beyond_the_training_fields_have_a_row_of_their_own() -> None:
    kinds = ("all", "beyond_training_fields")
    records = [r for s in kinds for r in errors("induced_dipole", 0.1, 0.2, 3.0, subset=s)]
    table = tabulate(metrics(*records))
    (section,) = table.sections
    assert [row.cells[0].strip() for row in section.rows] == ["induced dipole", "dipole beyond"]
    assert BEYOND_CAPTION in table.lines()
    assert BEYOND_CAPTION not in tabulate(metrics(*errors("forces", 1.0, 2.0, 3.0))).lines()


UNITS = ("meV/atom", "meV/Å", "e Å", "e", "eV", "V", "e Å²/V", "e Å/V", "me/(VÅ²)", "V/(V/Å)", "1")


def test_every_row_of_a_real_run_has_a_unit(slab_run, bulk_run) -> None:
    for folder in (slab_run, bulk_run):
        rows = [
            row for section in metrics_table(RunFolder(folder)).sections for row in section.rows
        ]
        assert len(rows) > 15
        for row in rows:
            assert row.cells[1] in UNITS


@pytest.mark.parametrize("terminal", [True, False])
def test_prints_whole_numbers_in_80_columns(slab_run, bulk_run, terminal: bool) -> None:
    for folder in (slab_run, bulk_run):
        text = printed(folder, terminal=terminal)
        assert "…" not in text
        table = metrics_table(RunFolder(folder))
        for section in table.sections:
            for row in section.rows:
                assert any(
                    all(cell.strip() in line for cell in row.cells) for line in text.splitlines()
                ), row


def test_a_pipe_gets_plain_text(slab_run) -> None:
    text = printed(slab_run, terminal=False)
    assert "\x1b" not in text
    assert "─" not in text
    lines = [line for line in text.splitlines() if line.startswith("  ")]
    assert len({len(line) for line in lines if "meV" in line}) == 1, "columns are aligned"
    assert "self-consistency: 0 of" in text
    assert "DFT" in text and "group=g0" in text


def test_nothing_is_cut_off_without_soft_wrapping(spoilt_run) -> None:
    stream = io.StringIO()
    Console(file=stream, width=80).print(metrics_table(RunFolder(spoilt_run)))
    assert "did not converge; no error counts them." in stream.getvalue().replace("\n", "")


def test_reasons_of_absence_are_told_once_each(slab_run) -> None:
    text = printed(slab_run, terminal=False)
    (line,) = (x for x in text.splitlines() if "no geometry with several total charges" in x)
    assert line == (
        "absent: charge difference, charge spread, charge curvature, charge forces and 4 more, see "
        "metrics.json: no geometry with several total charges in the test set"
    )


def test_warns_of_what_is_in_no_error(spoilt_run) -> None:
    lines = printed(spoilt_run, terminal=False).splitlines()
    assert lines[0] == (
        "WARNING: the density of 1 test structure (index 0) did not converge; no error counts them."
    )
    assert lines[1].startswith("WARNING: PRED_energy is NaN or infinite in 1 test structure (index")
    assert "self-consistency: 1 of" in "\n".join(lines)
    energy = next(line for line in lines if line.startswith("  energy"))
    forces = next(line for line in lines if line.startswith("  forces"))
    assert int(forces.split()[-1]) == int(energy.split()[-1]) + 1


def test_warns_of_unstable_solutions_and_shortens_long_lists() -> None:
    content = metrics(record("scf_unstable_count", 2, n=40), unconverged=list(range(30)))
    first, second = tabulate(content).warnings
    assert "30 test structures (indices 0, 1," in first and "19, …)" in first
    assert second == "WARNING: 2 of the solutions are unstable (a response eigenvalue is above 1)."


def test_an_undefined_fermi_level_is_absent_and_no_warning() -> None:
    undefined = {"PRED_fermi_level": [0, 1]}
    absent = {"fermi_level_rmse": "predicted as NaN or infinite in all of 2 structures"}
    table = tabulate(metrics(non_finite=undefined, absent=absent))
    assert table.warnings == []
    assert table.notes == [f"absent: fermi level: {absent['fermi_level_rmse']}"]
    assert len(tabulate(metrics(non_finite=undefined)).warnings) == 1


def test_absent_metrics_of_one_kind_share_a_name() -> None:
    absent = {"scf_iterations_mean": "no solve", "scf_iterations_max": "no solve"}
    absent |= {"dipole_slope": "not predicted", "dipole_slope_mae": "not predicted"}
    absent |= {"energy_mae[charge=+1]": "not converged", "scf_unstable_count": "not computed"}
    assert tabulate(metrics(absent=absent)).notes == [
        "absent: self-consistency: no solve",
        "absent: dipole slope: not predicted",
        "absent: energy of charge=+1: not converged",
        "absent: response eigenvalues: not computed",
    ]
