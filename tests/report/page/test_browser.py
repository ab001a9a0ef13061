"""What a person does with the page, in a browser without a window."""

import json
import shutil

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser():
    """Chromium of this machine."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def visit(browser, page):
    """Opens the page in a window of a size; errors on its console fail the test."""
    errors, opened = [], []

    def open_page(size):
        tab = browser.new_page(viewport=size)
        tab.on(
            "console", lambda said: said.type in ("error", "warning") and errors.append(said.text)
        )
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.on("request", lambda asked: asked.url.startswith("data:") or opened.append(asked.url))
        tab.goto(page.as_uri())
        return tab

    yield open_page
    for context in browser.contexts:
        context.close()
    assert errors == []
    assert set(opened) == {page.as_uri()}, "nothing else is fetched"


def models(tab):
    """Models of the first leaderboard's visible rows, in their order."""
    rows = tab.locator(".system").first.locator("tbody.experiment:visible")
    return rows.evaluate_all("rows => rows.map(row => row.dataset.model)")


def test_columns_sort_both_ways_and_rows_without_a_number_stay_last(visit):
    tab = visit(DESK)
    heading = tab.locator(".system").first.get_by_role("button", name="forces")
    heading.click()
    assert models(tab) == ["polar", "scf_qeq", "les", "short_range", "scf_levels"]
    heading.click()
    assert models(tab) == ["short_range", "les", "scf_qeq", "polar", "scf_levels"]
    assert tab.locator("[aria-sort=descending]").count() == 1
    tab.locator(".system").first.get_by_role("button", name="model", exact=True).click()
    assert models(tab) == ["short_range", "les", "polar", "scf_qeq", "scf_levels"]


def test_rows_are_filtered_by_axis_status_and_text(visit):
    tab = visit(DESK)
    form = tab.locator(".filters").first
    form.locator("select[name=response]").select_option("a few updates")
    assert models(tab) == ["polar"] and form.locator(".count").inner_text() == "1 of 5 rows"
    form.locator("select[name=response]").select_option("")
    form.locator("select[name=status]").select_option("diverged")
    assert models(tab) == ["scf_levels"]
    form.locator("select[name=status]").select_option("")
    form.locator("input[name=text]").fill("QEQ")
    assert models(tab) == ["scf_qeq"]


def test_a_row_opens_by_mouse_and_keyboard_and_shows_its_runs(visit):
    tab = visit(DESK)
    button = tab.locator("tbody[data-model=les] button.open").first
    more = tab.locator("tbody[data-model=les] tr.more").first
    assert not more.is_visible()
    button.click()
    assert more.is_visible() and "chain exponent 2.7" in more.inner_text()
    assert button.get_attribute("aria-expanded") == "true"
    button.press("Enter")
    assert not more.is_visible()


def test_two_rows_differ_in_what_their_configurations_say(visit):
    tab = visit(DESK)
    compare = tab.locator(".compare").first
    first, second = compare.locator("select.first"), compare.locator("select.second")
    first.select_option(label="polar (smoke)")
    second.select_option(label="scf_levels model.l_max=0 (smoke)")
    lines = compare.locator(".differences tr").all_inner_texts()
    assert "model.name\tpolar\tscf_levels" in lines and "model.l_max\t1\t0" in lines
    second.select_option(label="polar (smoke)")
    assert compare.locator(".differences").inner_text().strip() == "the same configuration"


def test_hostile_text_is_shown_and_does_nothing(visit):
    tab = visit(DESK)
    dialogs = []
    tab.on("dialog", lambda dialog: dialogs.append(dialog.message))
    assert "<script>alert(1)</script>" in tab.locator("h1").inner_text()
    tab.wait_for_timeout(50)
    assert dialogs == []


def test_a_phone_shows_it_without_scrolling_sideways(visit):
    tab = visit(PHONE)
    tab.locator("button.open").first.click()
    sizes = tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert sizes[0] <= sizes[1] == PHONE["width"]
    outside = tab.evaluate("""() => [...document.querySelectorAll("body *")]
        .filter(e => !e.closest(".scroll") && e.getBoundingClientRect().right > innerWidth + 1)
        .map(e => e.tagName + "." + e.className)""")
    assert outside == []
    more = tab.locator("tr.more .inner").first.bounding_box()
    assert more["x"] >= 0 and more["x"] + more["width"] <= PHONE["width"]
    names = """() => [...document.querySelectorAll("th[scope=row]")]
        .filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)"""
    assert tab.evaluate(names) == [], "no name runs into the next column"
    small = tab.evaluate("""() => [...document.querySelectorAll("td, th, p, label, figcaption")]
        .filter(e => parseFloat(getComputedStyle(e).fontSize) < 11).length""")
    assert small == 0
    shown, drawn = tab.evaluate("""() => { const image = document.querySelector("figure img");
        return [image.getBoundingClientRect().width, Number(image.getAttribute("width"))] }""")
    assert shown == drawn > PHONE["width"], "letters in figures keep their size"


def test_the_numbers_in_the_page_are_those_of_the_runs(visit):
    tab = visit(DESK)
    values = (
        tab.locator("tbody[data-model=polar] tr:first-child")
        .first.locator("td")
        .evaluate_all("cells => cells.map(cell => cell.dataset.value ?? null)")
    )
    assert json.loads(values[1]) == 40.5
