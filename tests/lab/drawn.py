"""Trees of files as Hypothesis makes them, brought into a container of the lab."""

from __future__ import annotations

import io
import itertools
import subprocess
import tarfile
from pathlib import Path

from hypothesis import Phase, given, settings

from testbed.lab.container import Node

from ..remote import trees

_TAR = ("tar", "--xattrs", "--xattrs-include=user.*", "--warning=no-timestamp")


def build(folder: Path, count: int) -> None:
    """Make so many trees, each in a folder of its own; the same ones in every run.

    + folder: is there
    """
    numbers = itertools.count()

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
    )
    @given(trees.trees)
    def make(tree: list[trees.Item]) -> None:
        trees.build(folder / f"{next(numbers)}", tree)

    make()


def bring(folder: Path, node: Node, mount: str) -> None:
    """Unpack a folder of this machine into one of a node, with all that files have."""
    packed = subprocess.run(
        [*_TAR, "--format=posix", "-C", folder, "-cf", "-", "."], check=True, capture_output=True
    ).stdout
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as outer:
        entry = tarfile.TarInfo("trees.tar")
        entry.size = len(packed)
        outer.addfile(entry, io.BytesIO(packed))
    node.container.put_archive("/root", archive.getvalue())
    node.run(f"{' '.join(_TAR)} -xpf /root/trees.tar -C '{mount}' && rm /root/trees.tar")
