"""The files in a lab's directory: written when the lab is up, removed when it goes down."""

import fcntl
import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from testbed.lab import provision, ssh
from testbed.lab.errors import LabError


class LabFiles:
    """The files of one lab. The names are part of the outside that others script against.

    + state: says which lab is kept here; without it a lab lives only as long as its process
    + huge_pages: the folder of what huge_pages.py writes
    """

    def __init__(self, directory: Path) -> None:
        # pyinfra splits UserKnownHostsFile at white space, ssh expands % and reads quotes itself.
        bad = [c for c in str(directory) if c.isspace() or c in "%\"'#\\"]
        if bad or not directory.is_absolute():
            raise ValueError(
                f"a lab cannot live in {str(directory)!r}: ssh_config needs an absolute path "
                "without blanks, quotes, % and #; use a folder with a plainer name"
            )
        self.directory = directory
        self.ssh_config = directory / "ssh_config"
        self.known_hosts = directory / "known_hosts"
        self.identity = directory / "id_ed25519"
        self.activate = directory / "activate"
        self.control = directory / "daos_control.yml"
        self.pyinfra = directory / "bin" / "pyinfra"
        self.state = directory / "lab.json"
        self.huge_pages = directory / "huge-pages"

    @contextmanager
    def claim(self) -> Iterator[None]:
        """Have the directory for one lab of this process; raises LabError if another is there.

        The kernel gives the claim up when the process ends, however it ends.
        """
        claim = self._own()
        try:
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LabError(f"another process has a lab in {self.directory}") from None
            if self.kept() is not None:
                raise LabError(f"a lab is up in {self.directory} already; `make lab-down` ends it")
            yield
        finally:
            os.close(claim)

    def _own(self) -> int:
        """Make the directory, for this user alone, and open it; raises LabError if it is another's.

        Who can write there has the key, and what shells source; who can enter it needs no more.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        opened = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        if os.fstat(opened).st_uid != os.geteuid():
            os.close(opened)
            raise LabError(f"{self.directory} belongs to another user: a lab needs one of its own")
        os.fchmod(opened, 0o700)
        return opened

    def write(
        self,
        keys: ssh.KeyPair,
        ports: Mapping[str, int],
        host_keys: Mapping[int, str],
        control_ports: Sequence[int],
    ) -> None:
        """Write everything but the state.

        + control_ports: the loopback ports of the management service's replicas
        """
        self.pyinfra.parent.mkdir(parents=True, exist_ok=True)
        _write(self.identity, keys.private, 0o600)
        _write(self.identity.with_suffix(".pub"), keys.public + "\n")
        _write(self.known_hosts, ssh.known_hosts_text(host_keys))
        _write(self.control, control_text(control_ports))
        tools = Path(sys.executable).parent  # not resolved: the environment's own folder
        _write(self.pyinfra, pyinfra_text(self.directory, tools), 0o755)
        _write(self.activate, activate_text(self.directory, tools))
        _write(self.ssh_config, ssh.config_text(ports, self.identity, self.known_hosts))

    def keep(self, lab_id: str, nodes: Sequence[str], version: str) -> None:
        """Note that the lab stays up when its process ends."""
        state = {"id": lab_id, "nodes": list(nodes), "version": version}
        _write(self.state, json.dumps(state, indent=2) + "\n")

    def kept(self) -> str | None:
        """The id of the lab that is kept here, or None."""
        try:
            return str(json.loads(self.state.read_text())["id"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remove(self) -> None:
        """Remove what was written here, except bin/pyinfra.

        That one stays for shells that have the lab activated: without it `pyinfra` in such a shell
        would be the real one, and would go to real nodes.
        """
        public = self.identity.with_suffix(".pub")
        outside = (self.ssh_config, self.state, self.activate, self.control)
        for path in (*outside, self.known_hosts, self.identity, public):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.huge_pages, ignore_errors=True)


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole: nobody ever reads half of it, or a key with a wider mode."""
    number, draft = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=".tmp")
    with os.fdopen(number, "w") as file:
        file.write(text)
        os.fchmod(number, mode)
    Path(draft).replace(path)


def control_text(control_ports: Sequence[int]) -> str:
    """A dmg configuration for the host (keys of DAOS 2.0's daos_control.yml)."""
    settings = provision.control_settings([f"127.0.0.1:{port}" for port in control_ports])
    return yaml.safe_dump(settings, sort_keys=False)


def pyinfra_text(directory: Path, tools: Path) -> str:
    """The `pyinfra` of an activated shell: the real one, sent to the lab, or a refusal."""
    config = shlex.quote(str(directory / "ssh_config"))
    real = shlex.quote(str(tools / "pyinfra"))
    return f"""#!/bin/sh
# pyinfra, sent to the lab: no command of an activated shell reaches a real node.
if [ ! -f {config} ]; then
    echo "pyinfra: the lab is down. 'make lab' starts one; 'lab_deactivate' leaves the lab." >&2
    exit 1
fi
exec {real} --data ssh_config_file={config} "$@"
"""


def activate_text(directory: Path, tools: Path) -> str:
    """What a shell sources to work in the lab (sh, bash, zsh)."""
    lab, tools_dir = shlex.quote(str(directory)), shlex.quote(str(tools))
    return f"""# To be sourced: in this shell, pyinfra goes to the lab. `lab_deactivate` ends that.
if [ -n "${{DAOS_LAB:-}}" ] && command -v lab_deactivate >/dev/null 2>&1; then
    lab_deactivate
fi
DAOS_LAB={lab}
_daos_lab_path=$PATH
_daos_lab_ps1=${{PS1-}}
PATH={lab}/bin:{tools_dir}:$PATH
[ -z "${{PS1-}}" ] || PS1="(daos-lab) $PS1"
export DAOS_LAB PATH

# A function besides the file on PATH: it refuses even where the lab's folder is gone.
pyinfra() {{
    if [ -x "$DAOS_LAB/bin/pyinfra" ]; then
        "$DAOS_LAB/bin/pyinfra" "$@"
    else
        echo "pyinfra: the lab is gone. 'lab_deactivate' leaves it." >&2
        return 1
    fi
}}

lab_deactivate() {{
    PATH=$_daos_lab_path
    [ -z "$_daos_lab_ps1" ] || PS1=$_daos_lab_ps1
    export PATH
    unset DAOS_LAB _daos_lab_path _daos_lab_ps1
    unset -f pyinfra lab_deactivate
    hash -r 2>/dev/null || true
}}
hash -r 2>/dev/null || true
"""
