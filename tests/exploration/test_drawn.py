"""What is drawn: different things each time, also where Hypothesis would rather copy."""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, given, seed, settings

from testbed.exploration import drawn
from testbed.exploration.cases import Case, simple
from testbed.simulation.faults import AHEAD, GROUPS


def _drawn(most: int) -> list[Case]:
    found: list[Case] = []

    @seed(1)
    @settings(
        max_examples=most,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn.cases(fixed=simple()))
    def draw(case: Case) -> None:
        found.append(case)

    draw()
    return found


def test_few_faults_are_drawn_twice_and_all_groups_of_them_are() -> None:
    cases = _drawn(300)
    faults = [fault for case in cases for fault in case.faults]
    assert len(set(faults)) > 0.7 * len(faults)
    names = {fault.kind for fault in faults}
    assert all(names & {kind.name for kind in group} for group in GROUPS)
    assert any(fault.moment == AHEAD for fault in faults)
    assert any(not host.enabled for case in cases for host in case.hosts)
