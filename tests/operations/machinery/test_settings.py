"""The site's settings: as shipped they are good, and each that is wrong is named."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos.releases import Version
from operations.daos.units import AGENT, SERVER, Units
from operations.machinery.settings import NAMES, TIMEOUTS, Settings, differing

from ..any_values import ANYTHING

SHIPPED = Path(__file__).parents[3] / "group_data" / "all.py"


def _shipped(**changes: Any) -> dict[str, Any]:
    return {**runpy.run_path(str(SHIPPED)), **changes}


def _read(**changes: Any) -> Settings:
    settings, wrong = Settings.read(_shipped(**changes))
    assert wrong == []
    return settings


def test_the_shipped_settings_are_good() -> None:
    settings = _read()
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
        ({"accepted_systems": ["rocky 8.6"]}, "accepted_systems is"),
        ({"accepted_systems": {"rocky": "EL8"}}, "accepted_systems.*named like"),
        ({"accepted_systems": {"rocky 8.6": "Rocky8"}}, "Rocky8.*CentOS7, EL8, EL9, Leap15"),
        ({"accepted_exclusions": 3}, "accepted_exclusions is 3"),
        ({"accepted_exclusions": ["3"]}, "accepted_exclusions: '3'"),
        ({"accepted_exclusions": [True]}, "accepted_exclusions: True"),
        ({"free_space_mib": "512"}, "free_space_mib is '512'"),
        ({"start_at_boot": 1}, "start_at_boot is 1"),
        ({"unreachable_clients": -1}, "unreachable_clients is -1"),
        ({"unreachable_clients": None}, "unreachable_clients is None"),
        ({"hooks": "site/tell"}, "hooks is 'site/tell', not like"),
        ({"hooks": {"opened": "site/tell"}}, "opened'. is no moment of a run; there are refused, "),
        ({"hooks": {"closed": ""}}, "closed'.: '' is no command"),
        ({"hooks": {"closed": ["site/tell", 3]}}, "closed'.: .* is no command, nor a list"),
        ({"hooks": {"closed": "site/tell 'x"}}, "is no command"),
        ({"hooks": {"closed": None}}, "None is no command"),
        ({"planned_window_s": 0}, "planned_window_s is 0, not a number of seconds"),
        ({"planned_window_s": "1 h"}, "planned_window_s is '1 h'"),
        ({"units": ["daos_server.service"]}, "units is .* not like"),
        ({"units": {"daos_engine": "x"}}, "daos_engine'. is no daemon; there are daos_server, "),
        ({"units": {"daos_agent": None}}, "daos_agent'.: None is not the name of a service"),
        ({"units": {"daos_agent": "a b"}}, "daos_agent'.: 'a b' is not the name of a service"),
        ({"units": {"daos_agent": "site.target"}}, "'site.target' is not the name of a service"),
        ({"units": {"daos_agent": "daos_agent@.service"}}, "is not the name of a service"),
        ({"units": {"daos_agent": "x", "daos_server": "x.service"}}, "needs a unit of its own"),
        ({"units": {"daos_agent": "daos_server"}}, "needs a unit of its own"),
        ({"units": {"daos_agent": "a", "daos_server": "daos_agent"}}, "needs a unit of its own"),
    ],
)
def test_a_wrong_setting_is_named(changes: dict[str, Any], word: str) -> None:
    _, wrong = Settings.read(_shipped(**changes))
    assert re.search(word, wrong[0])


def test_all_that_is_wrong_is_listed_and_the_default_holds_in_its_place() -> None:
    wanted = {"target_release": "newest", "timeouts": {**TIMEOUTS, "join": 0, "joins": 5}}
    settings, wrong = Settings.read(_shipped(**wanted, start_at_boot="no", free_space_mib=64))
    assert wrong == [
        "target_release: 'newest' is not a DAOS release such as 2.0.3",
        "timeouts['join'] is not a number of seconds above 0",
        "timeouts['joins'] is unknown; there are packages, service, stop, join, client, hook",
        "start_at_boot is 'no', not True, False or None",
    ]
    assert settings == _read(free_space_mib=64).model_copy(update={"target": None})


def test_units_have_the_names_that_the_site_gives_them_or_those_of_daos() -> None:
    assert _read().units == Units()
    named = _read(units={"daos_agent": "daos_agent@ib0", "daos_server": "hpc.service"}).units
    assert (named[SERVER], named[AGENT]) == ("hpc.service", "daos_agent@ib0.service")
    assert _read(units={"daos_agent": "site.v2"}).units == Units(agent="site.v2.service")


@given(st.text(max_size=12) | st.text("ab@:_.-\\;$`'\" \n", max_size=12))
def test_a_unit_s_name_is_one_that_systemd_takes_and_no_option_nor_folder(name: str) -> None:
    settings, wrong = Settings.read(_shipped(units={"daos_agent": name}))
    if wrong:
        assert settings.units == Units()
        return
    found = settings.units[AGENT]
    assert found in (name, f"{name}.service")
    assert re.fullmatch(r"[a-zA-Z0-9:_.@\\-]+\.service", found)
    assert found[0] not in "-.@"


def test_what_has_to_be_set_is_said_where_nothing_is() -> None:
    settings, wrong = Settings.read({})
    names = ("target_release", "repositories", "evict_connections", "timeouts")
    assert wrong == [f"{name} is not set" for name in names]
    assert (settings.target, settings.evict, settings.timeouts) == (None, False, TIMEOUTS)


@given(st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=3))
def test_whatever_is_set_is_taken_or_named(data: dict[str, Any]) -> None:
    settings, wrong = Settings.read(_shipped(**data))
    assert all(sentence.startswith(tuple(data)) for sentence in wrong)
    right = {
        name: value
        for name, value in _shipped(**data).items()
        if not any(sentence.startswith(name) for sentence in wrong)
    }
    assert Settings.read(right)[0] == settings


def test_what_a_site_does_not_have_yet_is_as_shipped() -> None:
    shipped = _shipped()
    newer = {"accepted_systems", "accepted_exclusions", "free_space_mib", "start_at_boot"}
    newer |= {"unreachable_clients", "units", "planned_window_s"}
    older = {name: value for name, value in shipped.items() if name not in newer}
    assert len(older) == len(shipped) - len(newer)
    older["timeouts"] = {k: it for k, it in shipped["timeouts"].items() if k != "hook"}
    assert Settings.read(older) == Settings.read(shipped)


def test_a_setting_that_is_not_the_same_on_all_nodes_is_found_with_the_few() -> None:
    hosts = {f"n{number}": _shipped() for number in range(4)}
    assert differing(hosts) == {}
    del hosts["n0"]["free_space_mib"]  # as shipped by default
    assert differing(hosts) == {}
    hosts["n3"]["timeouts"] = {**hosts["n3"]["timeouts"], "join": 5}
    assert differing(hosts) == {"timeouts": ["n3"]}


def test_the_sites_word_counts_before_what_is_known() -> None:
    settings = _read(accepted_systems={"rocky 8.7": "EL8", "rhel 8.5": "Leap15"})
    taken = {name: settings.distribution(name) for name in ("rocky 8.7", "rhel 8.5", "rhel 7.9")}
    assert {name: takes and takes.name for name, takes in taken.items()} == {
        "rocky 8.7": "EL8",
        "rhel 8.5": "Leap15",
        "rhel 7.9": "CentOS7",
    }
    assert settings.distribution("debian 12") is None


FINGERPRINT = "0123456789ABCDEF0123456789ABCDEF01234567"


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"key": "http://daos-repo/KEY"}, r"EL8.*gpg --show-keys.*fingerprint"),
        ({"key": "https://daos-repo/KEY"}, "fingerprint"),
        ({"key": "https://daos-repo/KEY", "fingerprint": []}, "fingerprint"),
        ({"key": "KEY", "fingerprint": "89ABCDEF"}, "40 hexadecimal digits"),
        ({"key": "KEY", "fingerprint": "0123456789ABCDEF"}, "40 hexadecimal digits"),
        ({"key": "KEY", "fingerprint": FINGERPRINT + "0"}, "40 hexadecimal digits"),
        ({"key": "KEY", "fingerprint": [FINGERPRINT, "x"]}, "40 hexadecimal digits"),
        ({"key": "KEY", "fingerprint": 7}, "40 hexadecimal digits"),
        ({"key": "KEY", "signed_metdata": True}, "signed_metadata"),
        ({"key": "KEY", "signed_metadata": "yes"}, "EL8"),
        ({"key": ""}, "EL8"),
        ({"key": "file://etc/KEY"}, "EL8.*file:///etc/KEY"),
    ],
)
def test_a_key_that_nobody_has_seen_is_named(more: dict[str, Any], word: str) -> None:
    _, wrong = Settings.read(_shipped(repositories={"EL8": {"baseurl": "http://x/", **more}}))
    assert len(wrong) == 1
    assert re.search(word, wrong[0]), wrong


@pytest.mark.parametrize(
    ("more", "found"),
    [
        ({"key": "KEY"}, ()),
        ({"key": "file:///etc/KEY"}, ()),
        ({"key": "http://x/KEY", "fingerprint": FINGERPRINT.lower()}, (FINGERPRINT,)),
        ({"key": "http://x/KEY", "fingerprint": f" {FINGERPRINT[:20]}  {FINGERPRINT[20:]}"}, None),
        ({"key": "http://x/KEY", "fingerprint": [FINGERPRINT, "F" * 40]}, (FINGERPRINT, "F" * 40)),
    ],
)
def test_a_key_that_somebody_has_seen_is_taken(
    more: dict[str, Any], found: tuple[str, ...] | None
) -> None:
    read = _read(repositories={"EL8": {"baseurl": "http://x/", **more}}).repositories["EL8"]
    assert read.fingerprint == (found if found is not None else (FINGERPRINT,))
