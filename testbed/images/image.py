"""The container images of a lab: built when an input changed, else found in one look.

An image's tag holds a hash of all that it is made of. `python -m testbed.images.image` builds them.
"""

import fcntl
import hashlib
import io
import os
import pwd
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException

from testbed.images import foundation
from testbed.images.foundation import LABEL, ImageError
from testbed.packages.build import FLAVOURS

HERE = Path(__file__).resolve().parents[1]
_KEPT = 3  # former images of a kind that stay: other checkouts may be using them
_EVERY = 5.0  # seconds between progress lines of one build

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Images:
    """Names of the images of a lab.

    + nodes: of a node, by flavour
    + repo: of the package repository
    """

    nodes: dict[str, str]
    repo: str


class Context:
    """The files that an image is built from, as they were when this was made.

    + files: where each file is, by its path in the build
    """

    def __init__(self, files: dict[str, Path]) -> None:
        self._files = {
            path: (source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644)
            for path, source in sorted(files.items())
        }

    def digest(self, *more: str) -> str:
        """A short hash over paths, contents and execute permissions of all files."""
        found = hashlib.sha256("\0".join(more).encode())
        for path, (content, mode) in self._files.items():
            found.update(f"{path}\0{mode}\0{len(content)}\0".encode() + content)
        return found.hexdigest()[:12]

    def tar(self) -> io.BytesIO:
        """The files as the engine wants them; owner and permissions do not depend on the umask."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for path, (content, mode) in self._files.items():
                entry = tarfile.TarInfo(path)
                entry.size = len(content)
                entry.mode = mode
                archive.addfile(entry, io.BytesIO(content))
        buffer.seek(0)
        return buffer


def files_below(folder: Path, prefix: str = "") -> dict[str, Path]:
    """All files of a folder by their path in it, without what Python leaves there."""
    return {
        f"{prefix}{path.relative_to(folder).as_posix()}": path
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def base_context() -> Context:
    """What the base of all images is made of."""
    names = ("base.Dockerfile", "packages.txt")
    return Context({name: HERE / "node" / name for name in names})


# What both a node and the package repository need to make the packages of an operating system.
_OS_SPECS = ("hwloc.spec", "os-release.spec")


def node_context() -> Context:
    """What a node is made of; the modules of the service manager become its package `init`."""
    found = {
        f"init/{path}" if path.endswith(".py") and path != "journalctl.py" else path: source
        for path, source in files_below(HERE / "node").items()
        if path not in ("base.Dockerfile", "packages.txt")
    }
    specs = {name: HERE / "packages" / name for name in _OS_SPECS}
    return Context(found | specs | files_below(HERE / "mpi", "mpi/"))


def repo_context() -> Context:
    """What the package repository is made of: the recipes and the simulated programs."""
    recipes = files_below(HERE / "packages", "packages/")
    dockerfile = {"Dockerfile": recipes.pop("packages/Dockerfile")}
    return Context(dockerfile | recipes | files_below(HERE / "sim", "sim/"))


class _Plan:
    """What the images are made of now, and the names that follow from it."""

    def __init__(self) -> None:
        self.base, self.node, self.repo = base_context(), node_context(), repo_context()
        base = self.base.digest(foundation.SUITE)
        node = self.node.digest(base)
        self.base_name = f"daos-lab-base:{base}"
        self.images = Images(
            {flavour: f"daos-lab-node:{flavour}-{node}" for flavour in FLAVOURS},
            f"daos-lab-repo:{self.repo.digest(base)}",
        )

    def missing(self, client: Any) -> set[str]:
        """The names of the lab's images that are still to be built."""
        return {*self.images.nodes.values(), self.images.repo} - _present(client)


def ensure_images(progress: Progress) -> Images:
    """Build those images that are missing; give the names of all.

    + progress: called with a line of text while people wait
    Raises ImageError where an image cannot be built, with the last lines of the build.
    """
    plan = _Plan()
    with closing(docker.from_env(timeout=600)) as client:
        if plan.missing(client):
            with _only_builder(progress):
                _build_missing(client, plan, plan.missing(client), progress)
                _remove_former(client)
    return plan.images


def _present(client: Any) -> set[str]:
    """The tags of all our images."""
    found = client.api.images(filters={"label": LABEL})
    return {tag for image in found for tag in image["RepoTags"] or ()}


@contextmanager
def _only_builder(progress: Progress) -> Iterator[None]:
    """Let one process of a user build at a time; the others find its images afterwards."""
    with os.fdopen(_own_lock(), "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build of the lab's images")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _own_lock() -> int:
    """The lock of this user, below the home, where no other user makes it first, or holds it."""
    folder = Path(pwd.getpwuid(os.getuid()).pw_dir) / ".cache" / "daos-lab"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(folder / "images.lock", flags, 0o600)
    except OSError as error:
        raise ImageError(f"images.lock in {folder} cannot be had: {error.strerror}") from None


def _build_missing(client: Any, plan: _Plan, missing: set[str], progress: Progress) -> None:
    base = {"BASE": plan.base_name}
    if missing and plan.base_name not in _present(client):
        arguments = {"FOUNDATION": foundation.ensure(client, progress)}
        _build(plan.base_name, "base", plan.base, arguments, progress, "base.Dockerfile")

    def build_nodes() -> None:
        # One after the other: the first makes the layers that all share.
        for flavour, name in plan.images.nodes.items():
            if name in missing:
                _build(name, f"node-{flavour}", plan.node, {**base, "FLAVOUR": flavour}, progress)

    def build_repo() -> None:
        if plan.images.repo in missing:
            _build(plan.images.repo, "repo", plan.repo, base, progress)

    with ThreadPoolExecutor(max_workers=2) as pool:
        for future in [pool.submit(build_repo), pool.submit(build_nodes)]:
            future.result()


def _build(
    name: str,
    kind: str,
    context: Context,
    arguments: dict[str, str],
    progress: Progress,
    dockerfile: str = "Dockerfile",
) -> None:
    """Build one image, telling its steps."""
    progress(f"building image {name}")
    said = time.monotonic()
    lines: list[str] = []
    with closing(docker.from_env(timeout=600)) as client:
        answers = client.api.build(
            fileobj=context.tar(),
            custom_context=True,
            dockerfile=dockerfile,
            tag=name,
            buildargs=arguments,
            labels={LABEL: kind},
            rm=True,
            forcerm=True,
            decode=True,
        )
        for answer in answers:
            lines += answer.get("stream", "").splitlines()
            if "error" in answer:
                log = "\n".join([*lines[-30:], answer["error"]])
                raise ImageError(f"building image {name} failed:\n{log}")
            if lines and lines[-1].startswith("Step ") and time.monotonic() - said > _EVERY:
                progress(f"{name}: {lines[-1][:80]}")
                said = time.monotonic()


def _remove_former(client: Any) -> None:
    """Remove our images that nothing needs: untagged ones, and all but the newest of a kind."""
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for image in client.api.images(filters={"label": LABEL}):
        by_kind.setdefault(image["Labels"][LABEL], []).append(image)
    for found in by_kind.values():
        tagged = [image for image in found if image["RepoTags"]]
        tagged.sort(key=lambda image: image["Created"], reverse=True)
        untagged = [image["Id"] for image in found if not image["RepoTags"]]
        for former in untagged + [tag for i in tagged[_KEPT:] for tag in i["RepoTags"]]:
            try:
                client.api.remove_image(former)
            except APIError:  # gone already, or a container uses it
                continue


def main() -> int:
    """Build what is missing and print the names of all images."""
    try:
        images = ensure_images(lambda text: print(text, flush=True))
    except (ImageError, DockerException) as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join([*images.nodes.values(), images.repo]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
