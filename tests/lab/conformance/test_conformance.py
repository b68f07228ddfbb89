"""What the simulation answers is what a lab of containers answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from testbed.lab.harness import LabNode

from .. import published
from ..site import ADMIN, CLIENT, SERVER, StartSite
from . import happened, runs
from .alike import Alike
from .fronts import Front, OfContainers, OfVirtualNodes, Row, Run
from .states import ADMIN as ADMIN_NODE
from .states import CLIENT as CLIENT_NODE
from .states import FIRST, STATES, THIRD, Question, State, erased, half_a_transaction

# All package managers, and a management service that may lose its majority.
NODES = [
    LabNode("daos-server-01", SERVER, "el8"),
    LabNode("daos-server-02", SERVER, "el8"),
    LabNode("daos-server-03", SERVER, "el8"),
    LabNode("daos-admin-01", ADMIN, "el7"),
    LabNode("daos-client-01", CLIENT, "leap15"),
]


class Both:
    """A lab and a simulation of the same, with which the same is done."""

    def __init__(self, lab: OfContainers, simulated: OfVirtualNodes) -> None:
        self.lab, self.simulated = lab, simulated
        self._rows: tuple[Row, ...] = ()
        self._events = [len(front.events()) for front in self._fronts]

    @property
    def _fronts(self) -> tuple[Front, Front]:
        return self.lab, self.simulated

    def typed(self, *words: str) -> list[str]:
        """Type `pyinfra inventory WORDS`; where the two differ."""
        lab, simulated = (front.typed(*words) for front in self._fronts)
        print(lab.output, simulated.output)
        self._rows = lab.rows
        assert lab.exit_code == simulated.exit_code
        parts = [list(self._parts(front, run)) for front, run in self._two(lab, simulated)]
        return [
            f"{node.name}: {line}"
            for node, one, other in zip(NODES, *parts, strict=True)
            for line in runs.differences(one, other)
        ] + self._events_unlike()

    @contextmanager
    def planted(self, fault: str, *hosts: str) -> Iterator[None]:
        """A fault is planted on these nodes while the block runs."""
        each = [(front, host) for front in self._fronts for host in hosts]
        for front, host in each:
            front.plant(fault, host)
        try:
            yield
        finally:
            for front, host in each:
                front.mend(fault, host)

    @contextmanager
    def held(self, host: str, pool: str) -> Iterator[None]:
        """A job on a client has a pool open while the block runs."""
        for front in self._fronts:
            front.hold(host, pool)
        try:
            yield
        finally:
            for front in self._fronts:
                front.let_go(host)

    def last(self, host: str, begins: str) -> str:
        """The last command of the last run on a node that begins so."""
        lines = [line for name, line, *_ in self._rows if name == host]
        return [line for line in lines if line.startswith(begins)][-1]

    def asked(self, state: State) -> list[str]:
        """Bring a state about, and ask; where the two differ."""
        found: list[str] = []
        arranged = [state(front) for front in self._fronts]
        made = [Alike(front.addresses(), self.lab.pools()) for front in self._fronts]
        for questions in zip(*arranged, strict=True):
            assert questions[0] == questions[1]
            for question in map(Question._make, questions[0]):
                said = [front.ask(*question) for front in self._fronts]
                answers = [
                    it.answer(question.line, (one.code, one.out, one.err))
                    for it, one in zip(made, said, strict=True)
                ]
                found += runs.unlike(f"{question.host}: `{question.line[:100]}`", *answers)
        return found + self._events_unlike()

    def _two(self, lab: Run, simulated: Run) -> Iterator[tuple[Front, Run]]:
        return zip(self._fronts, (lab, simulated), strict=True)

    def _parts(self, front: Front, run: Run) -> Iterator[list[runs.Part]]:
        made = Alike(front.addresses(), self.lab.pools())
        return (runs.parts(run.rows, node.name, made) for node in NODES)

    def _events_unlike(self) -> list[str]:
        found = [front.events() for front in self._fronts]
        since = [events[begin:] for events, begin in zip(found, self._events, strict=True)]
        self._events = [len(events) for events in found]
        return [
            line
            for node in ["", *(node.name for node in NODES)]
            for line in runs.unlike(f"events of {node}", *(happened.on(node, it) for it in since))
        ]


@pytest.fixture(scope="module")
def both(start_site: StartSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """A lab and a simulation of the same."""
    site = start_site(NODES)
    published.an_older_dependency(site)
    simulated = OfVirtualNodes(tmp_path_factory.mktemp("simulated"), site)
    yield Both(OfContainers(site), simulated)
    simulated.close()


@pytest.mark.parametrize("state", STATES, ids=[it.__name__ for it in STATES])
def test_a_state_is_the_same(both: Both, state: State) -> None:
    """What the deploy code asks and does there has the same answers; and the same has happened."""
    _alike(both.asked(state))


def test_a_plan_is_the_same(both: Both) -> None:
    """All that is asked before anybody agrees to anything."""
    _alike(both.typed("deploy.py", "--dry"))


def test_runs_that_are_refused_are_the_same(both: Both) -> None:
    """Somebody uses DAOS; and where nothing is under way there is nothing to go back from."""
    with both.held(CLIENT_NODE, "tank"):
        _alike(both.typed("deploy.py", "-y"))
    _alike(both.typed("deploys/rollback.py", "-y"))


def test_a_run_that_fails_and_the_way_back_are_the_same(both: Both) -> None:
    """First the engines cannot be prepared, then no package can be installed, then some are half.

    The way back has both before it: nodes that are half, and one that is updated.
    """
    with both.planted("ENGINE_NOT_PREPARED", FIRST):
        _alike(both.typed("deploy.py", "-y"))
    with both.planted("PACKAGES_FAIL", *(node.name for node in NODES)):
        _alike(both.typed("deploy.py", "-y"))
    lines = {name: both.last(name, "(umask 077; : > ") for name in (THIRD, ADMIN_NODE, CLIENT_NODE)}
    _alike(both.asked(partial(half_a_transaction, lines=lines)))
    _alike(both.typed("deploys/rollback.py", "-y"))


def test_an_update_is_the_same(both: Both) -> None:
    """Command by command, with the answers, on each node; and so is what happened there.

    Typed once more, it finds nothing to do on both.
    """
    _alike(both.typed("deploy.py", "-y"))
    _alike(both.typed("deploy.py", "-y"))


def test_a_system_that_is_erased_and_formatted_is_the_same(both: Both) -> None:
    """The last of all: nothing is left of it."""
    _alike(both.asked(erased))


def _alike(found: list[str]) -> None:
    assert not found, "\n".join(found)
