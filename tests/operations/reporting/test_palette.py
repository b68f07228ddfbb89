"""The colours of the report page's steps: they stand out, also for readers who are colour-blind."""

from __future__ import annotations

import re
from itertools import combinations
from math import dist
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[3] / "operations" / "reporting" / "page.css").read_text()
LIGHT, DARK = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)

Colour = tuple[float, ...]

# What is seen of linear RGB, by Machado, Oliveira and Fernandes (2009), at full severity.
SEEN_BY = {
    "all": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopes": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "deuteranopes": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "tritanopes": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
_XYZ = ((0.4339, 0.3762, 0.1899), (0.2126, 0.7152, 0.0722), (0.0177, 0.1095, 0.8729))


def colours(block: str, name: str) -> list[Colour]:
    """The colours of these names in one scheme, as linear RGB."""
    codes = re.findall(rf"--{name}: #(\w{{6}})", block)
    return [tuple(_linear(int(code[n : n + 2], 16) / 255) for n in (0, 2, 4)) for code in codes]


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _times(matrix: tuple[tuple[float, ...], ...], colour: Colour) -> Colour:
    return tuple(sum(a * b for a, b in zip(row, colour, strict=True)) for row in matrix)


def contrast(one: Colour, other: Colour) -> float:
    """As WCAG defines it, from 1 to 21."""
    dark, light = sorted(_times(_XYZ, colour)[1] for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def lab(colour: Colour) -> Colour:
    """CIE L*a*b*, in which distances are as they are seen."""
    x, y, z = (
        part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116
        for part in _times(_XYZ, colour)
    )
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_each_step_stands_out_from_the_page_and_the_window(scheme: str) -> None:
    steps = colours(scheme, r"step-\d")
    assert len(steps) == 8
    for ground in colours(scheme, "page") + colours(scheme, "band"):
        assert min(contrast(step, ground) for step in steps) >= 3


@pytest.mark.parametrize("who", SEEN_BY)
@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_steps_can_be_told_apart_and_neighbours_well(scheme: str, who: str) -> None:
    steps = colours(scheme, r"step-\d")
    seen = [lab(tuple(min(1, max(0, c)) for c in _times(SEEN_BY[who], step))) for step in steps]
    assert min(dist(one, other) for one, other in combinations(seen, 2)) > 12
    assert min(dist(seen[n - 1], seen[n]) for n in range(8)) > 24
