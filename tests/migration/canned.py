"""A site of 1.x whose nodes answer what is canned here, and a stage of its migration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
from pyinfra.api import State

from operations.migration.record.record import Container, Migration, Pool
from operations.migration.run import MigrationRun
from operations.rules.findings import Finding

from ..operations import fake_cluster
from ..operations.fake_cluster import ROOT, SETTINGS, A, B

MIGRATE = ROOT / "deploys" / "migrate.py"
SITE: dict[str, tuple[str, ...]] = {
    "s1": ("servers",),
    "a1": ("admins",),
    "c1": ("clients",),
    "c2": ("clients",),
}
POOL = "00000000-0000-0000-0000-000000001064"
POOLS = json.dumps(
    {
        "response": {"Status": 0, "pools": [{"uuid": POOL, "svc_reps": [0]}]},
        "error": None,
        "status": 0,
    }
)
QUERY = json.dumps(
    {
        "response": {
            "status": 0,
            "uuid": POOL,
            "total_targets": 8,
            "active_targets": 8,
            "total_nodes": 1,
            "disabled_targets": 0,
            "rebuild": {"status": 0, "state": "idle", "objects": 0, "records": 0},
            "scm": {"total": 8 << 30},
            "nvme": {"total": 800 << 30},
        },
        "error": None,
        "status": 0,
    }
)
PLACE = "found\nnfs4 filer:/vol /backup\n1000000\n100000\n"
GOOD: dict[str, Any] = {
    'pool query --pool "$pool"': f"== {POOL}\n{QUERY}",
    "dmg -j pool query": QUERY,
    "list-containers": f"{A}\n{B}\n",
    "get-prop": f"== {A}\nlayout type:\t\tPOSIX (1)\n== {B}\nlayout type:\t\tPOSIX (1)\n",
    "realpath": PLACE,
}
RECORD = Migration(
    system="daos_server",
    began="2026-11-22T10:00:00+00:00",
    before="1.2.0",
    after="2.0.3",
    servers=(),
    ranks=(),
    pools=(Pool(POOL, "pool-00000000", (8 << 30, 800 << 30)),),
    containers=(Container(POOL, A, "POSIX", "a"), Container(POOL, B, "POSIX", "b")),
    left_behind=(),
)


def load(
    monkeypatch: pytest.MonkeyPatch,
    stage: str = "check",
    deploy: Path = MIGRATE,
    record: Migration | None = None,
    version: str = "1.2.0",
    address: str = "",
    **answers: Any,
) -> tuple[MigrationRun, State | None]:
    """What a run of a stage finds, and its plan where it was not refused.

    + address: of each node
    """
    if stage:
        monkeypatch.setitem(SETTINGS, "stage", stage)
    known = {"migration.json || cat": record.text() if record else ""}
    arguments: dict[str, Any] = {"answers": {**known, **GOOD, **answers}, "pool_list": POOLS}
    arguments["wrong"] = lambda _, said: said.replace("== os", f"{address}\n== os")
    versions = dict.fromkeys(SITE, version)
    current, state = fake_cluster.examined(monkeypatch, SITE, versions, deploy=deploy, **arguments)
    return cast(MigrationRun, current), state


def refusals(monkeypatch: pytest.MonkeyPatch, *arguments: Any, **answers: Any) -> list[Finding]:
    current, state = load(monkeypatch, *arguments, **answers)
    assert state is None, "it was not refused"
    return current.refusals
