"""Sets of ranks and hosts, and sizes, as dmg reads and writes them."""

import pytest
from ClusterShell.NodeSet import NodeSet
from hypothesis import given
from hypothesis import strategies as st

from testbed.sim.common import options, ranges


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        (["daos-02:10001", "daos-01:10001", "daos-04:10001"], "daos-[01-02,04]:10001"),
        (["127.0.0.2:1", "127.0.0.3:1", "127.0.0.3:2"], "127.0.0.[2-3]:1,127.0.0.3:2"),
        (["login", "daos-1"], "daos-1,login"),
    ],
)
def test_folded_hosts(hosts: list[str], text: str) -> None:
    assert ranges.folded_hosts(hosts) == text


@given(st.sets(st.integers(0, 200)))
def test_folded_ranks_are_read_back(ranks: set[int]) -> None:
    assert ranges.ranks_of(ranges.folded(ranks)) == sorted(ranks)
    assert ranges.ranks_of(ranges.folded(ranks, brackets=False)) == sorted(ranks)


@pytest.mark.parametrize(
    ("ranks", "text"), [([3], "3"), ([0, 1, 2], "[0-2]"), ([5, 0, 1], "[0-1,5]"), ([], "")]
)
def test_folded(ranks: list[int], text: str) -> None:
    assert ranges.folded(ranks) == text


@pytest.mark.parametrize("text", ["a", "a-[01-03]", "a-[01-02,07],b,c[8-11]:10001", "x[1-2]y[3-4]"])
def test_hosts_are_those_of_a_node_set(text: str) -> None:
    assert set(ranges.hosts_of(text)) == set(NodeSet(text))


@pytest.mark.parametrize(
    ("text", "size"),
    [("8G", 8 * 10**9), ("8GB", 8 * 10**9), ("1.5T", 15 * 10**11), ("2GiB", 2**31), ("512", 512)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert options.size(text) == size


@pytest.mark.parametrize("text", ["", "G", "8X", "eight"])
def test_no_size(text: str) -> None:
    with pytest.raises(options.UsageError):
        options.size(text)
