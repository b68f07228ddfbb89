"""What starts a unit that is disabled: told from the links that `systemctl disable` removes."""

from __future__ import annotations

import pytest

from operations.daos.units import pulled, pullers

OWN = "/etc/systemd/system/multi-user.target.wants/daos_server.service"
BOOT = {"WantedBy": "multi-user.target"}


def test_a_unit_that_is_enabled_is_wanted_by_its_own_links_alone() -> None:
    assert pullers(BOOT, [OWN]) == ()
    both = {"WantedBy": "multi-user.target", "RequiredBy": "site.target"}
    second = "/etc/systemd/system/site.target.requires/daos_server.service"
    assert pullers(both, [OWN, second]) == ()
    assert pullers({}, []) == ()


# What systemd 252 shows of a unit that is enabled, and wanted by one of the site's that is, too;
# and of it once it has been disabled. It does not know RequiredByOverridable.
SHOWN = """\
RequiredBy=
WantedBy=multi-user.target{site}
BoundBy=
UpheldBy=
OnSuccessOf=
OnFailureOf=
TriggeredBy=
"""


def test_what_systemd_shows_is_understood() -> None:
    def shown(text: str) -> dict[str, str]:
        return dict(line.split("=", 1) for line in text.splitlines())

    assert pullers(shown(SHOWN.format(site="")), [OWN]) == ()
    both = SHOWN.format(site=" site.service")
    assert pullers(shown(both), [OWN]) == ("site.service",)
    assert pullers(shown(both.replace("multi-user.target ", "")), []) == ("site.service",)


def test_an_agent_that_wants_its_server_is_held_as_well_and_not_the_other_way_round() -> None:
    assert pullers({"WantedBy": "daos_agent.service"}, []) == ()
    assert pullers({"WantedBy": "daos_server.service"}, []) == ("daos_server.service",)


def test_a_link_of_this_boot_is_gone_with_the_next() -> None:
    assert pullers(BOOT, [OWN.replace("/etc", "/run")]) == ()


@pytest.mark.parametrize(
    "key",
    [
        *("WantedBy", "RequiredBy", "RequiredByOverridable", "BoundBy", "UpheldBy"),
        *("TriggeredBy", "OnSuccessOf", "OnFailureOf"),
    ],
)
def test_a_unit_that_starts_another_as_well_pulls_it_in(key: str) -> None:
    shown = {key: "site.service", "WantedBy": "site.service multi-user.target"}
    assert pullers({**shown, **BOOT} if key != "WantedBy" else shown, [OWN]) == ("site.service",)


@pytest.mark.parametrize("key", ["RequisiteOf", "ConsistsOf", "Before", "RequiresMountsFor"])
def test_what_starts_nothing_pulls_nothing_in(key: str) -> None:
    assert pullers({key: "site.service"}, []) == ()


def test_what_is_left_of_its_links_once_it_is_disabled_is_another_s() -> None:
    """A drop-in of the target itself, say."""
    assert pullers(BOOT, []) == ("multi-user.target",)


@pytest.mark.parametrize(
    "folder",
    ["/usr/lib/systemd/system", "/usr/local/lib/systemd/system", "/run/systemd/generator.late"],
)
def test_a_link_that_disable_leaves_is_named_by_its_path(folder: str) -> None:
    stays = f"{folder}/multi-user.target.wants/daos_server.service"
    assert pullers(BOOT, [stays]) == (stays,)
    assert pullers(BOOT, [OWN, stays]) == (stays,)
    assert pullers({}, [stays.replace("multi-user", "rescue")]) == ()


def test_a_link_below_another_name_of_a_target_is_the_unit_s_own() -> None:
    """systemd names the target itself: default.target is graphical.target, or another."""
    link = "/etc/systemd/system/default.target.wants/daos_server.service"
    assert pullers({"WantedBy": "graphical.target"}, [link]) == ()
    assert pullers({"WantedBy": "graphical.target site.service"}, [link]) == ("site.service",)


@pytest.mark.parametrize(
    ("puller", "do"),
    [
        ("site.service", "take {unit} out of it (`systemctl cat site.service`)"),
        ("site.target", "take {unit} out of it (`systemctl cat site.target`)"),
        ("site.timer", "`systemctl disable --now site.timer`"),
        ("mnt-daos.mount", "take {unit} out of its line in /etc/fstab"),
        ("dev-pmem0.device", "SYSTEMD_WANTS"),
        ("/usr/lib/systemd/system/a.target.wants/b.service", "`rm /usr/lib/systemd/system/a."),
    ],
)
def test_who_starts_it_is_told_with_what_to_do(puller: str, do: str) -> None:
    why = pulled([puller])
    assert why.startswith(f"is started by {puller} as well")
    assert do in why


def test_where_nobody_else_starts_it_nothing_is_wrong() -> None:
    assert pulled([]) == ""
