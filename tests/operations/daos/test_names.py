"""Names that DAOS cannot have given end where they are read, and are shown as what they are."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operations.daos import dmg, names
from operations.daos.dmg import DmgError

from ..from_outside import EVIL

UUID = "0000000a-0000-0000-0000-000000000000"
MEMBER = {"rank": 0, "addr": "10.0.0.1:10001", "fault_domain": "/s1", "state": "joined", "info": ""}
POOL = {
    "uuid": UUID,
    "label": "tank",
    "targets_total": 1,
    "targets_disabled": 0,
    "query_error_msg": "",
    "query_status_msg": "",
}


def answer(**response: object) -> str:
    return json.dumps({"response": response, "error": None, "status": 0})


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("key", ["uuid", "label"])
def test_of_a_pool(evil: str, key: str) -> None:
    for pools in (answer(status=0, pools=[{**POOL, key: evil}]),):
        with pytest.raises(DmgError, match=r"dmg pool list: '.* is no (UUID|label)|\"") as told:
            dmg.pools(pools)
        shown(told.value)


@pytest.mark.parametrize("evil", EVIL)
def test_of_a_pool_of_1_x(evil: str) -> None:
    for pool in ({"uuid": evil, "svc_reps": [0]}, {"uuid": UUID, "svc_reps": [evil]}):
        with pytest.raises(DmgError) as told:
            dmg.pools(answer(Status=0, pools=[pool]))
        shown(told.value)


@pytest.mark.parametrize("evil", [it for it in EVIL if "/" not in it])
@pytest.mark.parametrize("key", ["rank", "fault_domain", "addr"])
def test_of_a_rank(evil: str, key: str) -> None:
    with pytest.raises(DmgError) as told:
        dmg.members(answer(members=[{**MEMBER, key: evil}]))
    shown(told.value)


def shown(problem: DmgError) -> None:
    said = str(problem)
    assert said.isascii()
    assert said.isprintable()
    assert len(said) < 200


@given(st.from_regex(names.LABEL), st.uuids())
def test_what_daos_takes_is_taken(label: str, uuid: object) -> None:
    [pool] = dmg.pools(answer(status=0, pools=[{**POOL, "uuid": str(uuid), "label": label}]))
    assert (pool.uuid, pool.label) == (str(uuid), label)


@pytest.mark.parametrize("host", ["s1", "s1.example.org", "10.0.0.1", "[fe80::1%eth0]", "host=n_1"])
def test_so_is_what_servers_are_called(host: str) -> None:
    assert names.host(host) == host
