"""Which nodes a run can go without when they cannot be reached."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from operations.checks.unreachable import dispensable
from operations.rules.view import View

NAMES = [f"n{number}" for number in range(8)]
groups = st.lists(st.sampled_from(NAMES), unique=True, min_size=1).map(tuple)
views = st.builds(
    View, st.fixed_dictionaries({"servers": groups, "admins": groups, "clients": groups})
)
away = st.lists(st.sampled_from(NAMES), unique=True)


@given(views, away, st.integers(0, 8))
def test_what_is_spared_leaves_all_servers_one_admin_and_enough_clients(
    view: View, missing: list[str], limit: int
) -> None:
    spared = dispensable(view, missing, limit)
    assert spared <= set(missing)
    assert spared.isdisjoint(view.groups["servers"])
    assert len(spared & set(view.groups["clients"])) <= limit
    if spared & set(view.groups["admins"]):
        assert set(view.groups["admins"]) - set(missing)


SITE = View({"servers": ("s1",), "admins": ("a1", "a2"), "clients": ("c1", "c2", "a2")})


def test_no_client_is_left_out_unless_the_site_allows_it() -> None:
    assert dispensable(SITE, ["c1"], 0) == frozenset()
    assert dispensable(SITE, ["c1"], 1) == {"c1"}


def test_beyond_the_limit_no_client_is_left_out() -> None:
    assert dispensable(SITE, ["c1", "c2"], 1) == frozenset()


def test_an_admin_that_is_no_client_is_left_out_as_long_as_another_can_run_dmg() -> None:
    assert dispensable(SITE, ["a1"], 0) == {"a1"}
    assert dispensable(SITE, ["a2"], 0) == frozenset()
    assert dispensable(SITE, ["a1", "a2"], 2) == frozenset()


def test_who_shows_an_unknown_host_key_is_left_out_only_where_the_site_has_allowed_it() -> None:
    assert dispensable(SITE, ["a1"], 0, ["a1"]) == frozenset()
    assert dispensable(SITE, ["a1", "c1"], 1, ["a1", "c1"]) == {"c1"}
    assert dispensable(SITE, ["c1"], 0, ["c1"]) == frozenset()
