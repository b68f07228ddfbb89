"""What dmg of DAOS 1.0 printed, in the words of its successors' JSON: each line is a message."""

import json
from collections.abc import Iterator
from typing import Any

_STATES = {"started": "joined", "evicted": "excluded"}


def answer(said: str) -> dict[str, Any]:
    """The answer to `dmg -j system query -v` or `dmg -j pool list`; {} if it is neither."""
    rows = [line.split() for message in _messages(said) for line in message.splitlines()]
    titles = next((number for number, row in enumerate(rows) if row[:1] in (["Rank"], ["Pool"])), 0)
    kind, body = rows[titles : titles + 1], [row for row in rows[titles + 2 :] if row]
    if kind == [["Rank", "UUID", "Control", "Address", "State"]]:
        return {"response": {"members": [_member(*row) for row in body]}}
    if kind == [["Pool", "UUID", "Svc", "Replicas"]]:
        return {"response": {"pools": [_pool(*row) for row in body]}}
    if ["No", "pools", "in", "system"] in rows:
        return {"response": {"pools": []}}
    return {}


def _messages(said: str) -> Iterator[str]:
    for line in said.splitlines():
        try:
            yield str(json.loads(line)["message"])
        except (ValueError, KeyError, TypeError):
            continue


def _member(rank: str, uuid: str, address: str, state: str) -> dict[str, Any]:
    state = _STATES.get(state.lower(), state.lower())
    return {"rank": int(rank), "uuid": uuid, "addr": address, "state": state}


def _pool(uuid: str, replicas: str) -> dict[str, Any]:
    return {"uuid": uuid, "svc_reps": [int(rank) for rank in replicas.split(",")]}
