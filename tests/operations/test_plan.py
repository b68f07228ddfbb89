"""A plan that disconnects somebody says whom; the nodes' answers are canned."""

from __future__ import annotations

import pytest

from operations.machinery import plan

from .fake_cluster import SETTINGS, examined

pytestmark = pytest.mark.usefixtures("as_the_command_does")

ROLES_OF = {"s1": ("servers",), "a1": ("admins",), "c1": ("clients",), "c2": ("clients",)}
STATUS = "\n".join(
    f"/proc/77/status:{line}"
    for line in ("Name:\tior", "State:\tS", "PPid:\t1", "Uid:\t7\t7\t7\t7")
)
GROUP = "/proc/77/cgroup:0::/system.slice/slurmstepd.scope/job_4711/step_0/user/task_0"


def _in_use(name: str, answer: str) -> str:
    if name not in ("c1", "c2"):
        return answer
    for part, said in (("processes", "uses 77"), ("status", STATUS), ("cgroups", GROUP)):
        answer = answer.replace(f"== {part}", f"== {part}\n{said}")
    return answer


def test_whoever_will_be_disconnected_is_named_with_the_job(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(SETTINGS, "evict_connections", True)
    run, _ = examined(monkeypatch, ROLES_OF, dict.fromkeys(ROLES_OF, "2.0.1"), wrong=_in_use)
    lines = [line.strip() for line in plan.lines(run)]
    at = next(n for n, line in enumerate(lines) if line.startswith("Unmount dfuse"))
    assert lines[at + 1] == "-- 2 processes of uid 7 on @fake/c[1-2] (ior, Slurm job 4711)"
