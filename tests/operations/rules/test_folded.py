"""Findings that say the same of several nodes are one."""

from __future__ import annotations

from operations.rules.findings import Finding, folded


def found(name: str, message: str, code: str = "step-failed") -> Finding:
    return Finding(code, (name,), message)


def test_equal_words_are_said_once() -> None:
    [finding] = folded(found(f"c{n}", "dnf failed") for n in range(30))
    assert str(finding) == "[step-failed] on c[0-29]: dnf failed"


def test_a_node_that_is_named_in_its_own_message_is_the_node() -> None:
    [finding] = folded([found("c1", "c1 failed, see c1.log"), found("c2", "c2 failed, see c2.log")])
    assert finding.message == "the node failed, see the node.log"


def test_one_alone_keeps_its_words() -> None:
    one = found("c1", "c1 failed")
    assert folded([one]) == [one]


def test_what_only_looks_like_the_name_stays() -> None:
    one, other = found("c1", "c10 and x-c1 failed"), found("c2", "c10 and x-c1 failed")
    assert folded([one, other])[0].message == "c10 and x-c1 failed"


def test_other_words_and_other_codes_stay_apart() -> None:
    three = [found("c1", "a"), found("c2", "b"), found("c3", "a", "no-answer")]
    assert folded(three) == three


def test_those_about_several_nodes_are_told_with_their_own_words() -> None:
    both = [Finding("in-use", ("c1", "c2"), "used"), Finding("in-use", ("c3",), "used")]
    [finding] = folded(both)
    assert finding.hosts == ("c1", "c2", "c3")
