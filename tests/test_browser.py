"""What a browser makes of the rendered site: it is run where playwright, Chromium and a site are at hand.

pip install "./lib[browser]"; make book (or make site-smoke); pytest tests/test_browser.py
"""

import shutil
from pathlib import Path

import pytest

from quire.tools.pdf import BROWSERS

playwright = pytest.importorskip("playwright.sync_api", reason='no playwright: pip install "./lib[browser]"')

HTML = Path(__file__).resolve().parents[1] / "build" / "html"
WIDTHS = (390, 768, 1400)
HEAVIEST = 2 * 2**20  # bytes of a page, one theme's pictures included
LEAST = {390: 9.0, 1400: 12.0}  # pixels of the text of figures
KNOWN = {  # smaller on a phone, and why
    "creativity-mosaic.svg": "titles of pictures would run into each other",
    "multiscale-fields.svg": "titles of pictures would run into each other",
    "diffeo-gallery.svg": "titles of pictures would run into each other",
    "diffeo-gallery1.svg": "titles of pictures would run into each other",
    "rainbow-features.narrow.svg": "the label of a level stands beside the panel",
}
FOUND = sorted(path.relative_to(HTML).as_posix() for path in HTML.glob("**/*.html")) if HTML.is_dir() else []
PAGES = [page for page in FOUND if not page.startswith("_")]
CHAPTERS = [page for page in PAGES if page.startswith("chapters/")]
pytestmark = pytest.mark.skipif(not PAGES, reason="no rendered site in build/html: make book")

CONTRAST = """() => {
  const channel = value => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = text => { const [r, g, b] = text.match(/[\\d.]+/g).map(Number).map(channel); return 0.2126*r + 0.7152*g + 0.0722*b; };
  const behind = node => { for (; node; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor; if (!/, 0\\)|transparent/.test(colour)) return colour; } return "rgb(255,255,255)"; };
  const ratio = node => { const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); };
  return Math.min(...[...document.querySelectorAll(".bd-article p, .bd-article .quire-verdict, .quire-note")].slice(0, 400)
    .filter(node => node.offsetParent !== null).map(ratio)); }"""


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        own = next(filter(None, map(shutil.which, BROWSERS)), None)
        try:
            running = started.chromium.launch(
                executable_path=own, args=["--no-sandbox", "--allow-file-access-from-files"]
            )
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {str(error).splitlines()[0]}")
        yield running
        running.close()


def opened(browser, page: str, *, width: int = 1400, scheme: str = "light"):
    """A page, what it complained about, and what it asked for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    said, asked = [], []
    tab.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    name, _, query = page.partition("?")
    tab.goto((HTML / name).as_uri() + (f"?{query}" if query else ""), wait_until="load")
    return tab, said, asked


@pytest.mark.parametrize("page", PAGES)
def test_a_page_loads_without_errors_and_asks_nothing_of_a_network(browser, page):
    tab, said, asked = opened(browser, page)
    tab.wait_for_timeout(300)
    assert not said
    assert not [url for url in asked if not url.startswith(("file:", "data:", "blob:"))]
    tab.context.close()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("page", PAGES)
def test_no_page_scrolls_sideways(browser, page, width):
    tab, *_ = opened(browser, page, width=width)
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.context.close()


@pytest.mark.parametrize("page", CHAPTERS)
def test_mathematics_is_typeset(browser, page):
    tab, *_ = opened(browser, page)
    tab.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise")
    tab.evaluate("MathJax.startup.promise")
    assert tab.locator("mjx-container").count() > 0 and tab.locator("mjx-merror").count() == 0
    tab.context.close()


@pytest.mark.parametrize("width", LEAST)
@pytest.mark.parametrize("page", CHAPTERS)
def test_the_text_of_figures_is_large_enough(browser, page, width):
    """The smallest text of each drawing: its size in the file, times the scale at which the page shows it."""
    tab, *_ = opened(browser, page, width=width)
    tab.evaluate("document.querySelectorAll('.quire-picture img').forEach(image => { image.loading = 'eager' })")
    tab.wait_for_timeout(500)
    shown = tab.evaluate(
        "[...document.querySelectorAll('.quire-picture img')].filter(image => image.offsetParent !== null && image.naturalWidth)"
        ".map(image => [image.src, image.getBoundingClientRect().width / image.naturalWidth])"
    )
    assert shown
    small = {}
    for source, scale in shown:
        sizes = sizes_of(HTML / "_images" / source.rpartition("/")[2])
        name = source.rpartition("/")[2]
        if sizes and min(sizes) * scale < LEAST[width] - 0.05 and name not in KNOWN:
            small[name] = round(min(sizes) * scale, 1)
    assert not small
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["index.html", "scoreboard.html", *CHAPTERS[:2]])
def test_text_stands_out_from_its_background(browser, page, scheme):
    tab, *_ = opened(browser, page, scheme=scheme)
    assert tab.evaluate(CONTRAST) >= 4.5
    tab.context.close()


@pytest.mark.parametrize("page", CHAPTERS)
def test_a_page_is_light(browser, page):
    """What it loads before anybody scrolls, from the disk."""
    tab, _, asked = opened(browser, page)
    tab.wait_for_timeout(300)
    files = {
        url.removeprefix("file://").partition("?")[0].partition("#")[0] for url in asked if url.startswith("file:")
    }
    pictures = [file for file in files if "/_images/" in file]
    dark = [
        file for file in pictures if ".dark." in file
    ]  # one theme's pictures, but for what is in sight before it is known
    assert len(dark) <= 2
    assert sum(Path(file).stat().st_size for file in [*pictures, str(HTML / page)]) <= HEAVIEST
    tab.context.close()


def test_the_scoreboard_is_switched_without_a_script(browser):
    context = browser.new_context(java_script_enabled=False)
    tab = context.new_page()
    tab.goto((HTML / "scoreboard.html").as_uri())
    rows = tab.locator(".quire-table-claims tbody tr")
    switches = tab.locator('input[name="quire-shown"]')
    for verdict in [switch.get_attribute("value") for switch in switches.all()][1:]:
        tab.locator(f'input[name="quire-shown"][value="{verdict}"]').check()
        seen = [row for row in rows.all() if row.is_visible()]
        assert len(seen) == tab.locator(f"tr.quire-is-{verdict}").count() > 0
        assert all(verdict in row.inner_text() for row in seen)
    context.close()


def test_folded_code_opens_from_the_keyboard(browser):
    tab, *_ = opened(browser, CHAPTERS[0])
    fold = tab.locator("details").first
    assert not fold.evaluate("node => node.open")
    fold.locator("summary").focus()
    tab.keyboard.press("Enter")
    assert fold.evaluate("node => node.open")
    tab.context.close()


def test_search_finds_from_the_disk(browser):
    tab, said, _ = opened(browser, "search.html?q=susceptibility")
    tab.wait_for_selector("#search-results li", timeout=60_000)
    assert not said
    tab.context.close()


def sizes_of(drawing: Path) -> list[float]:
    """Sizes of the text of a drawing by matplotlib, in pixels of its own: glyphs are drawn at 100 units per size and scaled."""
    import re

    text = drawing.read_text(encoding="utf-8", errors="replace")
    points = re.search(r'width="([\d.]+)pt"', text)
    view = re.search(r'viewBox="0 0 ([\d.]+) ', text)
    unit = (float(points[1]) * 96 / 72) / float(view[1]) if points and view else 96 / 72
    return [float(scale) * 100 * unit for scale in re.findall(r"scale\(([\d.]+) -[\d.]+\)", text)]
