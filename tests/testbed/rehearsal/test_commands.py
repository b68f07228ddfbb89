"""What the lab's command line makes of what is typed."""

from __future__ import annotations

import pytest

from testbed.__main__ import parser


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("rehearse", ("2.0.1", "")),
        ("rehearse --from 2.4.1 --to 2.4.2", ("2.4.1", "2.4.2")),
        ("rehearse --version 2.4.1", ("2.4.1", "")),
    ],
)
def test_a_rehearsal_leads_from_a_release_to_another(typed: str, expected: tuple[str, str]) -> None:
    options = parser().parse_args(typed.split())
    assert (options.version, options.to) == expected
    assert options.flavour is None
