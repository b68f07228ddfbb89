"""The report page in a real browser: it fits, it can be read, and it loads nothing.

Chromium cannot be made narrower than some 500 pixels; a phone is a frame of 390 pixels in a page.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from operations.reporting.page import page

REPORTS = Path(__file__).parents[1] / "data" / "reports"
DARK, LIGHT = 0, 1  # as Chromium's setting preferredColorScheme numbers them

# In the page: what is too wide, how well each text stands out, what was loaded.
_MEASURE = """
<script>
function rgb(text) { return text.match(/[\\d.]+/g).map(Number); }
function light([r, g, b]) {
  const part = v => (v /= 255) <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
}
function ground(element) {
  for (let e = element; e; e = e.parentElement) {
    const colour = rgb(getComputedStyle(e).backgroundColor);
    if (colour.length < 4 || colour[3] > 0) return colour;
  }
  return [255, 255, 255];
}
function contrast(element) {
  const style = getComputedStyle(element);
  const ink = light(rgb(element instanceof SVGElement ? style.fill : style.color));
  const page = light(ground(element));
  return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
}
addEventListener("load", () => {
  const texts = [...document.querySelectorAll("body *")].filter(element =>
    !element.closest(".bar") && ![..."SCRIPT STYLE TITLE".split(" ")].includes(element.tagName)
    && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
  const worst = texts.map(e => [contrast(e), e.textContent.trim().slice(0, 40)])
    .sort((a, b) => a[0] - b[0])[0];
  parent.document.getElementById("result").textContent = JSON.stringify({
    width: innerWidth, needs: document.documentElement.scrollWidth, worst: worst,
    texts: texts.length, loaded: performance.getEntriesByType("resource").map(r => r.name),
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    bars: document.querySelectorAll(".bar rect").length });
});
</script>
"""
_FRAME = """<!doctype html><title>frame</title><pre id="result"></pre>
<iframe style="border:0;width:{width}px;height:2000px" srcdoc="{page}"></iframe>"""


def _chromium() -> str:
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    browser = next(filter(None, found), None)
    assert browser, "no Chromium: `make test` installs it, see tests/browser/chromium.sh"
    return browser


def _measure(name: str, width: int, scheme: int, folder: Path) -> dict[str, Any]:
    """Open the page of a report; give what its own measurements say, and the browser's log."""
    text = page(json.loads((REPORTS / f"{name}.json").read_text()))
    measured = text.replace("</body>", f"{_MEASURE}</body>")
    frame = folder / "frame.html"
    frame.write_text(_FRAME.format(width=width, page=html.escape(measured)))
    done = subprocess.run(
        [
            _chromium(),
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
            *("--enable-logging=stderr", "--v=0", f"--user-data-dir={folder}/profile"),
            *(f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1400,2100"),
            *("--virtual-time-budget=5000", "--dump-dom", frame.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.DOTALL)
    assert found
    assert found[1], done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    return dict(json.loads(html.unescape(found[1])))


@pytest.mark.parametrize("name", ["updated", "failed"])
@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
def test_the_page_fits_and_can_be_read(name: str, scheme: int, width: int, tmp_path: Path) -> None:
    seen = _measure(name, width, scheme, tmp_path)
    assert seen["width"] == width
    assert seen["needs"] <= width, "it scrolls sideways"
    assert seen["dark"] == (scheme == DARK)
    assert seen["loaded"] == []
    assert seen["bars"] > 10
    assert seen["texts"] > 50
    assert seen["worst"][0] >= 4.5, seen["worst"]


def test_it_can_be_printed(tmp_path: Path) -> None:
    source, printed = tmp_path / "report.html", tmp_path / "report.pdf"
    source.write_text(page(json.loads((REPORTS / "updated.json").read_text())))
    subprocess.run(
        [
            _chromium(),
            *("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile"),
            *(f"--print-to-pdf={printed}", source.as_uri()),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    pages = len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))
    assert 1 <= pages <= 4
