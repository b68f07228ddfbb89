"""What the comparison with a lab takes for a difference, and what it leaves to chance."""

import json
from typing import Any

import pytest

from tests.lab.conformance import happened, runs
from tests.lab.conformance.alike import Alike
from tests.lab.conformance.fronts import Row

NODE = "daos-admin-01"
ADDRESS = "172.17.0.4"
QUERY, STOP = "dmg -j system query", "dmg -j system stop"


def _member(state: str, address: str = ADDRESS) -> str:
    return json.dumps({"response": {"members": [{"rank": 0, "state": state, "addr": address}]}})


ROWS: list[Row] = [
    (NODE, QUERY, True, _member("joined"), ""),
    (NODE, STOP, True, '{"response": null}', ""),
    (NODE, QUERY, True, _member("stopping"), ""),
    (NODE, QUERY, True, _member("stopped"), ""),
    (NODE, f"echo it is {ADDRESS}", True, "2026-01-01T00:00:00Z process 17\n", ""),
]


def _differences(rows: list[Row], address: str = ADDRESS) -> list[str]:
    lab = runs.parts(ROWS, NODE, Alike({NODE: ADDRESS}))
    return list(runs.differences(lab, runs.parts(rows, NODE, Alike({NODE: address}))))


@pytest.mark.parametrize(
    "rows",
    [
        ROWS,
        [*ROWS[:2], *ROWS[3:]],  # a state that passes was not seen
        [*ROWS[:1], *ROWS],  # it was asked once more
        [*ROWS, ("daos-client-01", "true", True, "", "")],  # another node
        [*ROWS[:4], (NODE, ROWS[4][1], True, "2027-02-02T01:01:01.5Z process 4711\n", "")],
    ],
)
def test_runs_that_are_alike(rows: list[Row]) -> None:
    assert _differences(rows) == []


def test_another_address_is_no_difference() -> None:
    texts = json.dumps(ROWS).replace(ADDRESS, "10.0.0.1")
    rows = [(host, line, done, out, err) for host, line, done, out, err in json.loads(texts)]
    assert _differences(rows, "10.0.0.1") == []
    assert _differences(rows)  # an address that is none of a node


@pytest.mark.parametrize(
    "rows",
    [
        [ROWS[0], *ROWS[2:]],  # a command is missing
        [*ROWS, ROWS[1]],  # one is done twice
        [*ROWS[3:], *ROWS[:3]],  # in another order
        [*ROWS[:3], *ROWS[4:]],  # the last that was seen before is another state
        [ROWS[0], (NODE, STOP, False, '{"response": null}', ""), *ROWS[2:]],
        [ROWS[0], (NODE, STOP, True, '{"response": {}}', ""), *ROWS[2:]],
        [ROWS[0], (NODE, STOP, True, '{"response": null}', "ERROR: dmg: no"), *ROWS[2:]],
        [*ROWS[:4], (NODE, ROWS[4][1], True, "2026-01-01T00:00:00Z\n", "")],
    ],
)
def test_runs_that_differ(rows: list[Row]) -> None:
    assert _differences(rows)


def _event(program: str, kind: str, host: str = NODE, **details: Any) -> dict[str, Any]:
    return {"program": program, "event": kind, "host": host, "details": details}


EVENTS = [
    _event("systemd", "unit-started", unit="daos_server.service", runs="daos_server"),
    _event("daos_server", "start", version="2.0.3"),
    _event("daos_engine", "start", version="2.0.3", index=0),
    _event("daos_engine", "start", version="2.0.3", index=1),
    _event("systemd", "unit-stopping", unit="daos_server.service", runs="daos_server"),
]


def test_events_that_are_alike() -> None:
    other_order = [*EVENTS[:1], *reversed(EVENTS[1:4]), *EVENTS[4:]]
    asked = [*EVENTS, _event("dmg", "command", argv=["system", "query"])]
    of_service = [*EVENTS, _event("daos_server", "member", state="joined", rank=1)]
    for events in (other_order, asked, of_service):
        assert happened.on(NODE, events) == happened.on(NODE, EVENTS)
    assert happened.on("", of_service)


@pytest.mark.parametrize(
    "events",
    [
        EVENTS[1:],
        [EVENTS[1], EVENTS[0], *EVENTS[2:]],
        [*EVENTS, EVENTS[4]],
        [*EVENTS[:1], _event("daos_server", "start", version="2.0.1"), *EVENTS[2:]],
        [*EVENTS[:4], _event("systemd", "unit-failed", unit="daos_server.service")],
    ],
)
def test_events_that_differ(events: list[dict[str, Any]]) -> None:
    assert happened.on(NODE, events) != happened.on(NODE, EVENTS)
