"""The Debian that the images are built on: pulled from a registry, else made by mmdebstrap."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import requests
from docker.errors import DockerException, ImageNotFound

LABEL = "daos-lab.image"  # on every image of ours; its value names what kind it is
SUITE = "bookworm"
PULLED = f"debian:{SUITE}-slim"
MADE = f"daos-lab-foundation:{SUITE}"
_PACKAGES = Path(__file__).resolve().parents[1] / "node" / "packages.txt"
_PULL_SILENCE = 10  # seconds without a word from the engine after which a pull is given up
# What images of registries leave out as well.
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*")


class ImageError(Exception):
    """An image cannot be made; the text says why and what to do."""


def ensure(client: Any, progress: Callable[[str], None]) -> str:
    """Give the name of an image of a bare Debian. Raises ImageError where there is none to get."""
    if _exists(client, PULLED) or _pull(progress):
        return PULLED
    _make(client, progress)
    return MADE


def _exists(client: Any, name: str) -> bool:
    try:
        client.api.inspect_image(name)
    except ImageNotFound:
        return False
    return True


def _pull(progress: Callable[[str], None]) -> bool:
    progress(f"pulling {PULLED}")
    client = docker.from_env(timeout=_PULL_SILENCE)
    try:
        repository, _, tag = PULLED.partition(":")
        for answer in client.api.pull(repository, tag, stream=True, decode=True):
            if "error" in answer:
                return False
        return _exists(client, PULLED)
    except (DockerException, requests.RequestException):
        return False
    finally:
        client.close()


def _make(client: Any, progress: Callable[[str], None]) -> None:
    """Make the image out of the distribution's packages, those of the lab included."""
    _install_mmdebstrap(progress)
    progress(f"no registry in reach: making a Debian {SUITE} with mmdebstrap (about 40 s)")
    packages = ",".join(_PACKAGES.read_text().split())
    command = ["mmdebstrap", "--variant=minbase", "--format=tar", f"--include={packages}"]
    command += [f"--dpkgopt=path-exclude={path}" for path in _LEFT_OUT]
    with subprocess.Popen(
        [*command, SUITE, "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as maker:
        lines: list[str] = []
        reader = threading.Thread(target=_tell, args=(maker.stderr, lines, progress), daemon=True)
        reader.start()
        repository, _, tag = MADE.partition(":")
        client.api.import_image_from_stream(
            maker.stdout, repository=repository, tag=tag, changes=[f"LABEL {LABEL}=foundation"]
        )
        reader.join()
    if maker.returncode:
        raise ImageError("mmdebstrap failed:\n" + "\n".join(lines[-20:]))


def _tell(stream: Any, lines: list[str], progress: Callable[[str], None]) -> None:
    """Pass mmdebstrap's own words about its steps on."""
    for raw in stream:
        line = raw.decode(errors="replace").rstrip()
        lines.append(line)
        if line.startswith("I: ") and line.endswith("..."):
            progress(f"mmdebstrap: {line[3:]}")


def _install_mmdebstrap(progress: Callable[[str], None]) -> None:
    if shutil.which("mmdebstrap"):
        return
    install = "apt-get install -y --no-install-recommends mmdebstrap debian-archive-keyring"
    if os.getuid() != 0 or not shutil.which("apt-get"):
        raise ImageError(
            f"{PULLED} cannot be pulled, and mmdebstrap is not installed. Make a registry "
            f"reachable, or on a Debian-like system type: sudo {install}"
        )
    progress("installing mmdebstrap")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in ("apt-get update", install):
        done = subprocess.run(
            command.split(), env=environment, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise ImageError(f"{install} failed:\n{done.stderr}")
