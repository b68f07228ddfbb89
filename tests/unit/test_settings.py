"""The site's settings: as shipped they are good, and each that is wrong is named."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from operations.releases import Version
from operations.settings import TIMEOUTS, Settings

SHIPPED = Path(__file__).parents[2] / "group_data" / "all.py"


def _shipped(**changes: Any) -> dict[str, Any]:
    return {**runpy.run_path(str(SHIPPED)), **changes}


def test_the_shipped_settings_are_good() -> None:
    settings = Settings.read(_shipped())
    assert settings.target == Version(2, 0, 3)
    assert settings.evict is False
    assert set(settings.timeouts) == set(TIMEOUTS)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"target_release": "2.0"}, "target_release"),
        ({"target_release": None}, "target_release"),
        ({"target_release": 2.0}, "target_release"),
        ({"evict_connections": "no"}, "evict_connections"),
        ({"timeouts": {}}, "packages.*not set"),
        ({"timeouts": {**dict.fromkeys(TIMEOUTS, 5), "joins": 900}}, "joins.*unknown"),
        ({"evict_connections": None}, "evict_connections is not set"),
        ({"timeouts": dict.fromkeys(TIMEOUTS, 0)}, "timeouts"),
        ({"timeouts": dict.fromkeys(TIMEOUTS, "5")}, "timeouts"),
        ({"repositories": {"EL8": {"baseurl": "http://daos-repo/"}}}, "EL8"),
        ({"repositories": {"EL8": {"baseurl": "http://daos-repo/{release}", "key": ""}}}, "EL8"),
        ({"repositories": {"EL8": {"baseurl": "http://daos-repo/{", "key": ""}}}, "EL8"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Settings.read(_shipped(**changes))
