"""`vestibule demo --report`: a page of a real run, opened in a real browser without a network."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from names import DEADLINE
from page import CONTRASTS, Page
from vestibule import PROGRAM

# As a telephone and a desk have it.
NARROW, WIDE = 400, 1400

SIZES = "[document.documentElement.scrollWidth, innerWidth]"

# Elements that stick out of the page, or out of what is around them without being cut.
OUTSIDE = """[...document.querySelectorAll('body *')].filter((element) => {
  const place = element.getBoundingClientRect();
  return !element.closest('svg, .shapes, thead') && place.width > 0 && (place.left < -1 || place.right > innerWidth + 1);
}).map((element) => element.outerHTML.slice(0, 120))"""

# Text of diagrams that is cut at an edge.
CUT = """[...document.querySelectorAll('.diagram svg')].flatMap((drawing) => {
  const around = drawing.getBoundingClientRect();
  return [...drawing.querySelectorAll('text')].filter((text) => {
    const place = text.getBoundingClientRect();
    return place.left < around.left - 1 || place.right > around.right + 1;
  }).map((text) => text.textContent);
})"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A report, and what the same run says of itself as JSON."""
    folder = tmp_path_factory.mktemp("report")
    path = folder / "report.html"
    command = [PROGRAM, "demo", "--json", "--report", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [file.name for file in folder.iterdir()] == ["report.html"]
    report = json.loads(done.stdout)
    assert report["report"] == str(path)
    return path, report


@pytest.fixture(scope="module")
def page(run, tmp_path_factory):
    opened = Page(run[0].as_uri(), tmp_path_factory.mktemp("page"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Pictures are kept where `SCREENSHOTS` says."""
    kept = os.environ.get("SCREENSHOTS")
    return Path(kept) if kept else tmp_path_factory.mktemp("pictures")


def count(page, selector):
    return page.evaluate(f"document.querySelectorAll({json.dumps(selector)}).length")


def test_it_opens_without_a_complaint_and_asks_nobody_for_anything(page):
    assert page.complaints() == []
    assert page.asked_for() <= {"file", "data"}
    # Its own policy is in force: what it does not name is stopped.
    page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = 1' }))")
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in json.dumps(complaint) for complaint in page.complaints())
    page.evaluate("document.body.lastElementChild.remove()")


def test_everything_of_the_run_is_on_it(run, page):
    report = run[1]
    scenes = report["scenes"]
    assert count(page, "section.act") == len(scenes)
    assert count(page, "#claims .finding") == len(report["claims"]) == int(page.evaluate(
        "document.querySelector('#observed').firstChild.data"
    ))
    assert count(page, ".exchange") == sum(len(scene["exchanges"]) for scene in scenes)
    assert count(page, ".screen") == sum(len(scene["contents"]) for scene in scenes)
    assert count(page, ".log") == len(report["logs"]) == 4
    assert count(page, "#metrics tbody tr") == len(report["moved"]) > 10
    diagrams = [scene["sequence"] for scene in scenes if scene["sequence"]]
    assert count(page, ".diagram .lanes") == len(diagrams) >= len(scenes) - 2
    assert count(page, ".arrow") == sum(min(len(sequence), 90) for sequence in diagrams)


def test_the_diagrams_hold_what_vestibule_does(run):
    arrows = [arrow for scene in run[1]["scenes"] for arrow in scene["sequence"]]
    kinds = {next(iter(fate)) if isinstance(fate := arrow["fate"], dict) else fate for arrow in arrows}
    assert kinds == {"direct", "untouched", "edited", "stopped", "own", "answered"}
    # Nothing is received before it is sent.
    assert all(arrow["received"] is None or arrow["received"] >= arrow["sent"] for arrow in arrows)
    titled = {scene["title"]: scene["sequence"] for scene in run[1]["scenes"]}
    hostile = [arrow for arrow in titled["Mallory tries to smuggle a stanza"] if arrow["fate"] == "stopped"]
    assert any((arrow["from"], arrow["label"]) == ("Mallory", "message") for arrow in hostile), hostile
    enlisting = [(arrow["from"], arrow["to"], arrow["label"]) for arrow in titled["Alice enlists"]]
    for arrow in [("clients", "gatekeeper", "POST /enlistments"), ("gatekeeper", "provider", "POST /introspect")]:
        assert arrow in enlisting
    edited = [arrow["label"] for arrow in titled["Alice connects through Vestibule"] if arrow["fate"] == "edited"]
    assert "iq set: bind" in edited


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [NARROW, WIDE])
def test_it_can_be_read_on_every_screen(page, pictures, width, dark):
    page.show(width, dark=dark)
    content, window = page.evaluate(SIZES)
    assert content <= window == width
    assert page.evaluate(OUTSIDE) == []
    found = page.evaluate(CONTRASTS)
    assert found["count"] > 200 and found["weak"] == []
    for number, place in enumerate(["header", "#act-2", "#act-2 .diagram", "#act-6", "#act-9 .diagram", "#logs", "#metrics"]):
        page.evaluate(f"document.querySelector('{place}').scrollIntoView()")
        path = page.picture(pictures / f"report-{width}-{'dark' if dark else 'light'}-{number}.png")
        assert path.stat().st_size > 10_000


def test_texts_of_diagrams_are_not_cut(page):
    for width in [NARROW, WIDE]:
        page.show(width)
        cut = page.evaluate(CUT)
        assert cut == [], width


def test_both_sides_stand_beside_each_other_where_there_is_room(page):
    beside = """[...document.querySelectorAll('.exchange tbody tr')].map((row) =>
      [...row.cells].map((cell) => cell.getBoundingClientRect()).map(({ left, width, height }) => [left, width * height]))"""
    page.show(WIDE)
    for (left, sent), (right, received) in page.evaluate(beside):
        assert left < right and sent > 0 and received > 0
    # Where there is none, what both sides have is there once, and an empty cell is not.
    page.show(NARROW)
    for (_, sent), (_, received) in page.evaluate(beside):
        assert sent > 0 or received > 0
    kept = page.evaluate("document.querySelector('.exchange .kept .received').checkVisibility()")
    assert kept is False


def test_on_paper_everything_is_there(page):
    page.show(WIDE, media="print", dark=True)
    assert page.evaluate("document.querySelector('.exchange').checkVisibility()")
    assert page.evaluate("document.querySelector('nav').checkVisibility()") is False
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"
    pages = page.ask("Page.printToPDF")["data"]
    assert len(pages) > 10_000


def test_a_place_that_cannot_be_written_to_is_told_before_anything_is_played(tmp_path):
    (tmp_path / "file").write_text("")
    for arguments, said in [
        (["--report", tmp_path], "is a folder"),
        (["--report", tmp_path / "missing/report.html"], "report.html"),
        (["--pictures", tmp_path / "file"], "no pictures can be written to"),
        (["--report", "x", "--load", "2"], "cannot be used with"),
    ]:
        done = subprocess.run([PROGRAM, "demo", *arguments], capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode != 0 and done.stdout == "", done
        assert said in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_readme_has_a_picture_of_it(page, pictures):
    """`docs/images/report.png` is this one, taken with `SCREENSHOTS`."""
    page.show(1100, height=1130)
    page.evaluate(
        "[...document.querySelectorAll('.act')].find(act => act.querySelector('h2').textContent.includes('no longer cares'))"
        ".querySelector('.exchange').scrollIntoView()"
    )
    assert page.picture(pictures / "report.png").stat().st_size > 10_000
