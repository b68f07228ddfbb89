"""The report page in a real browser: it fits, it can be read, and it loads nothing.

Chromium cannot be made narrower than some 500 pixels; a phone is a frame of 390 pixels in a page,
and one page has a frame for each report and each width.
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
from tests.operations.reporting.made_reports import ALL

REPORTS = Path(__file__).parents[1] / "data" / "reports"
DARK, LIGHT = 0, 1  # as Chromium's setting preferredColorScheme numbers them
WIDTHS = {"phone": 390, "desk": 1280}

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
  frameElement.previousElementSibling.textContent = JSON.stringify({
    width: innerWidth, needs: document.documentElement.scrollWidth, worst: worst,
    texts: texts.length, loaded: performance.getEntriesByType("resource").map(r => r.name),
    dark: matchMedia("(prefers-color-scheme: dark)").matches,
    bars: document.querySelectorAll(".bar rect").length,
    scrolls: [...document.querySelectorAll(".scrolls, .timeline")].map(e =>
      [e.getAttribute("aria-label"), e.scrollWidth > e.clientWidth + 1,
       e.previousElementSibling.matches(".sideways") &&
         e.previousElementSibling.getClientRects().length > 0]) });
});
</script>
"""
_FRAME = """<pre id="{report} {device}"></pre>
<iframe style="border:0;width:{width}px;height:2000px" srcdoc="{page}"></iframe>"""


def _chromium() -> str:
    found = [shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome")]
    browser = next(filter(None, found), None)
    assert browser, "no Chromium: `make test` installs it, see tests/programs.sh"
    return browser


def _frames(report: str) -> str:
    """A report as it is on each device."""
    text = page(ALL[report]())
    measured = html.escape(text.replace("</body>", f"{_MEASURE}</body>"))
    return "\n".join(
        _FRAME.format(report=report, device=device, width=width, page=measured)
        for device, width in WIDTHS.items()
    )


def _measure(reports: list[str], scheme: int, folder: Path) -> dict[str, dict[str, Any]]:
    """Open the pages of reports; give what their own measurements say, by "report device"."""
    frames = folder / "frames.html"
    frames.write_text("\n".join(["<!doctype html><title>frames</title>", *map(_frames, reports)]))
    done = subprocess.run(
        [
            _chromium(),
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"),
            *("--disable-background-networking", "--disable-component-update", "--disable-quic"),
            *("--enable-logging=stderr", "--v=0", f"--user-data-dir={folder}/profile"),
            *(f"--blink-settings=preferredColorScheme={scheme}", "--window-size=1400,2100"),
            *("--virtual-time-budget=5000", "--dump-dom", frames.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    found = dict(re.findall(r'<pre id="(.*?)">(.*?)</pre>', done.stdout, re.DOTALL))
    assert all(found.values()), done.stderr
    assert "CONSOLE" not in done.stderr, done.stderr
    return {which: json.loads(html.unescape(said)) for which, said in found.items()}


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_the_pages_fit_and_can_be_read(scheme: int, tmp_path: Path) -> None:
    reports = list(ALL)
    measured = _measure(reports, scheme, tmp_path)
    assert set(measured) == {f"{report} {device}" for report in reports for device in WIDTHS}
    for which, seen in measured.items():
        width = WIDTHS[which.split()[1]]
        assert seen["width"] == width, which
        assert seen["needs"] <= width, f"{which}: it scrolls sideways"
        assert seen["dark"] == (scheme == DARK), which
        assert seen["loaded"] == [], which
        assert seen["bars"] > 10 or which.startswith("refused"), which
        assert seen["texts"] > 45, which
        assert seen["worst"][0] >= 4.5, (which, seen["worst"])
        for name, scrolls, shown in seen["scrolls"]:
            if which.endswith("desk"):
                assert not scrolls, f"{which}: {name}: a column is cut"
            assert scrolls or not shown, f"{which}: {name}: it does not scroll, and says so"
        if which.endswith("phone") and seen["bars"]:
            shown = {name.split(",")[0] for name, _, shown in seen["scrolls"] if shown}
            assert shown >= {"Timeline", "Steps", "Nodes"}, which


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
