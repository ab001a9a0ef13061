"""The file as a browser would parse it: whole, safe, and without anything to fetch."""

import hashlib
import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections import Counter
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest

from bench.cli import main
from bench.report.page.board import boards, number, unreadable
from bench.report.page.details import details
from bench.runs.collection import collect
from bench.runs.folder import RunFolder, Status
from bench.storage import write_csv
from bench.train.log import lines
from tests.report.conftest import epoch_row
from tests.report.page.conftest import HOSTILE
from tests.report.paper.made import run
from tests.runs.test_collection import write_run

VOID = {"meta", "link", "input", "img", "wbr", "br"}


class Page(HTMLParser):
    """Every tag with its attributes, and the text within scripts and cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data

    def all(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture(scope="module")
def parsed(page):
    found = Page(page.read_text(encoding="utf-8"))
    assert found.open == [], "every tag is closed"
    return found


def test_it_fetches_nothing(parsed):
    assert {tag for tag, _ in parsed.tags}.isdisjoint(
        {"iframe", "object", "embed", "base", "form "}
    )
    sources = [a[key] for _, a in parsed.tags for key in ("src", "data", "action") if key in a]
    assert sources and all(source.startswith("data:image/svg+xml;base64,") for source in sources)
    assert all("src" not in script for script in parsed.all("script"))
    links = [a["href"] for a in parsed.all("a") + parsed.all("link")]
    assert all(not link.startswith(("http", "//", "/", "file:")) for link in links)


def test_what_runs_write_is_text_and_never_markup(parsed):
    assert parsed.text.count(HOSTILE) >= 3  # title, heading, reason
    assert len(parsed.scripts) == 2
    assert all(not name.startswith("on") for _, attributes in parsed.tags for name in attributes)
    assert "alert" not in parsed.scripts[1]
    json.loads(parsed.scripts[0])


def test_figures_hold_no_script(parsed):
    for image in parsed.all("img"):
        drawing = b64decode(image["src"].partition(",")[2]).decode()
        assert drawing.startswith("<?xml") and "<script" not in drawing and image["alt"]
        assert int(image["width"]) > 0 and int(image["height"]) > 0


def test_no_script_or_style_but_its_own_may_run(parsed, page):
    (policy,) = [m["content"] for m in parsed.all("meta") if m.get("http-equiv")]
    script = b64encode(hashlib.sha256(parsed.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{script}'" in policy and policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert all("style" not in attributes for _, attributes in parsed.tags)


def test_ids_are_unique_and_references_lead_somewhere(parsed):
    ids = Counter(a["id"] for _, a in parsed.tags if "id" in a)
    assert max(ids.values()) == 1
    wanted = [a["aria-controls"] for _, a in parsed.tags if "aria-controls" in a]
    wanted += [a["href"][1:] for a in parsed.all("a") if a["href"].startswith("#")]
    assert wanted and set(wanted) <= set(ids)


def test_links_lead_to_the_folders_of_the_runs(parsed, page):
    links = [a["href"] for a in parsed.all("a") if not a["href"].startswith("#")]
    folders = {(page.parent / unquote(link)).resolve() for link in links}
    runs = page.parents[1] / "runs & more"
    assert folders == {p.parent.resolve() for p in runs.glob("*/*/*/status.json")}


def test_the_leaderboards_have_a_row_for_every_experiment(parsed):
    rows = [a for a in parsed.all("tbody") if "experiment" in a.get("class", "")]
    assert [row["data-model"] for row in rows] == [
        "short_range", "les", "polar", "scf_qeq", "scf_levels", "polar"
    ]  # fmt: skip
    assert rows[4]["class"] == "experiment diverged" and rows[4]["data-status"] == "diverged"
    assert "lost/status.json is damaged" in parsed.text


def test_cells_are_means_with_intervals_by_hand(page):
    """Seeds 40 and 41: mean 40.5, half width 12.706 · 0.7071 / √2 = 6.35."""
    water, crystal = boards(collect([page.parents[1] / "runs & more"]))
    assert [c.title for c in water.columns][:3] == ["forces", "energy", "slope dM/dE"]
    assert [c.title for c in crystal.columns][:2] == ["forces", "E(Q) − E(0)"]
    rows = {row.model: row for row in water.rows}
    cell = rows["polar"].cells[0]
    assert (cell.text, cell.interval, cell.value) == ("40.5", "34.1 – 46.9", 40.5)
    ratio = rows["polar"].cells[[c.title for c in water.columns].index("over short_range")]
    assert ratio.value == 2.5
    assert rows["short_range"].cells[2].value is None and rows["short_range"].cells[2].text == "–"
    assert rows["scf_levels"].seeds == "1 diverged" and HOSTILE in rows["scf_levels"].reasons[0]
    assert rows["scf_levels"].settings == "model.l_max=0"
    assert [row.model for row in water.rows if row.has_health] == ["polar", "scf_qeq"]


def test_the_best_of_a_column_overlaps_no_other(tmp_path):
    for seed in (0, 1, 2):
        for model, error in {"polar": 10.0, "les": 20.0}.items():
            run(tmp_path, model, {"forces_rmse": error + 0.1 * seed}, f"seed={seed}")
    (board,) = boards(collect([tmp_path]))
    assert [row.cells[0].best for row in board.rows] == [False, True]


def test_a_run_that_failed_before_its_data_stands_with_the_others(tmp_path):
    run(tmp_path, "polar", {"forces_rmse": 1.0})
    folder = write_run(tmp_path, "x", "model=les", status=Status.failed, reason="no file")
    (folder.path / "provenance.json").unlink()
    (board,) = boards(collect([tmp_path]))
    assert [(row.model, row.status) for row in board.rows] == [("les", "failed"), ("polar", "done")]
    assert board.rows[0].reasons == ["seed 0: failed: no file"]


def test_a_run_under_way_is_pending_and_not_failed(tmp_path):
    run(tmp_path, "polar", {"forces_rmse": 1.0})
    write_run(tmp_path, "x", "preset=smoke", "model=les", status=Status.interrupted)
    (board,) = boards(collect([tmp_path]))
    assert [row.is_pending for row in board.rows] == [True, False]
    assert board.rows[0].reasons == ["seed 0: interrupted"]


def test_settings_that_all_share_are_told_once(tmp_path):
    for model in ("polar", "les"):
        run(tmp_path, model, {"forces_rmse": 1.0}, "training.batch_size=2")
    run(tmp_path, "polar", {"forces_rmse": 1.0}, "training.batch_size=2", "model.l_max=0")
    (board,) = boards(collect([tmp_path]))
    assert board.common == {"smoke": "training.batch_size=2"}
    assert [row.settings for row in board.rows] == ["", "", "model.l_max=0"]
    assert board.rows[0].filtered["training mode"] == "auto"


def test_details_tell_configuration_origin_and_probes(page):
    found = collect([page.parents[1] / "runs & more"])
    rows = {row.model: row for row in boards(found)[0].rows}
    les, broken = details(rows["les"], page), details(rows["scf_levels"], page)
    assert les.probes["chain"].verdict == "finding"
    assert les.probes["chain"].told[0].endswith("chain exponent 2.7 (at most 1.2). known")
    assert les.config["model.name"] == "les" and les.config["code version"] == "abcdef0123"
    assert not {"seed", "results_dir", "device"} & set(les.config)
    assert les.runs[0].origin["machine"] == "AMD EPYC, cpu"
    changed = {k for k in les.config if les.config[k] != broken.config.get(k)}
    assert {"model.name", "model.l_max"} <= changed


def test_probes_of_several_seeds_are_told_together(tmp_path):
    for seed, verdict in enumerate(("pass", "finding")):
        folder = run(tmp_path, "polar", {"forces_rmse": 1.0}, f"seed={seed}")
        results = [{"probe": "chain", "verdict": verdict, "material": "", "measurements": [],
                    "reason": ""}]  # fmt: skip
        folder.probes.write_text(json.dumps({"probes": results}))
    (board,) = boards(collect([tmp_path]))
    found = details(board.rows[0], tmp_path / "report.html").probes["chain"]
    assert found.verdict == "pass, finding" and len(found.told) == 2


def test_damaged_files_of_a_row_are_no_obstacle(tmp_path):
    folder = run(tmp_path, "polar", {"forces_rmse": 1.0})
    (row,) = boards(collect([tmp_path]))[0].rows
    for name in ("config.yaml", "metrics.json", "probes.json", "provenance.json"):
        (folder.path / name).write_text("{")
    found = details(row, tmp_path / "report.html")
    assert found.absent == [] and found.probes == {}
    assert "damaged" in found.runs[0].origin["provenance"]


def test_runs_of_unknown_system_are_told(tmp_path):
    run(tmp_path, "polar", {"forces_rmse": 1.0})
    folder = RunFolder(tmp_path / "lost")
    folder.path.mkdir()
    (folder.path / "status.json").write_text("{")
    assert list(unreadable(collect([tmp_path]))) == [str(folder.path)]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.012345, "0.0123"), (123.456, "123"), (47641.0, "47,641"), (3e-15, "3.00e-15")],
)
def test_numbers_are_short(value, text):
    assert number(value) == text


def test_pages_with_figures_and_status_are_made_without_torch(tmp_path):
    """Runs are read, no model: that is seconds less of a start, and works where torch does not."""
    folder = run(tmp_path, "scf_qeq", {"forces_rmse": 1.0})
    write_csv(folder.log, lines([epoch_row(k) for k in range(3)]))
    write_run(tmp_path, "x", "seed=1", status=Status.interrupted)
    code = (
        "import sys; from bench.cli import main; place, out = sys.argv[1:]\n"
        "assert main(['status', place]) == 0\n"
        "assert main(['report', place, f'out={out}/report.html']) == 0\n"
        "assert not {'torch', 'mace'} & set(sys.modules)\n"
    )
    words = [sys.executable, "-c", code, str(tmp_path), str(tmp_path / "out")]
    subprocess.run(words, check=True, capture_output=True)


def test_a_page_of_no_run_is_refused(tmp_path, capsys):
    assert main(["report", str(tmp_path), f"out={tmp_path}/report.html"]) == 2
    assert "No run in" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_runs_without_any_number_still_make_a_page(tmp_path):
    write_run(tmp_path, "x", status=Status.diverged, reason="loss 1e9")
    out = tmp_path / "report.html"
    assert main(["report", str(tmp_path), f"out={out}"]) == 0
    found = Page(out.read_text(encoding="utf-8"))
    assert "seed 0: diverged: loss 1e9" in found.text and not found.all("img")
