"""Host keys: a node that nobody has seen, or that is another one by now, is not connected to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import paramiko
import pytest
from paramiko.rsakey import RSAKey
from pyinfra.api.exceptions import ConnectError
from pyinfra.connectors import ssh
from pyinfra.connectors.sshuserclient import client

from operations.checks.host_keys import findings
from operations.machinery import connections, host_keys, known_hosts

from .fake_sshd import Listen, listening


@pytest.fixture(scope="module")
def rsa() -> RSAKey:
    return RSAKey.generate(2048)


@pytest.fixture(scope="module")
def listen() -> Iterator[Listen]:
    """Start an sshd that shows these keys; its port on loopback."""
    connections.mend()
    with listening() as start:
        yield start


@pytest.fixture(scope="module")
def key() -> paramiko.PKey:
    return paramiko.ECDSAKey.generate()


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def _write(known: Path, port: int, key: paramiko.PKey) -> None:
    known_hosts.add(known, f"[127.0.0.1]:{port}", key.get_name(), key.asbytes())


def _config(folder: Path, port: int, known: Path | str, *more: str) -> Path:
    path = folder / f"config-{len(list(folder.iterdir()))}"
    lines = ["Host n1", "HostName 127.0.0.1", f"Port {port}", f"UserKnownHostsFile {known}", *more]
    path.write_text("\n  ".join(lines) + "\n")
    return path


def _connect(config: Path, **data: Any) -> None:
    """Connect to n1 as root, as pyinfra does."""
    defaults = {name: meta.default for name, meta in ssh.connector_data_meta.items()}
    connector = object.__new__(ssh.SSHConnector)
    connector.host = SimpleHost(name="n1")  # type: ignore[assignment]
    connector.state = SimpleNamespace(config=SimpleNamespace(CONNECT_TIMEOUT=10))  # type: ignore
    own = {"ssh_config_file": str(config), "ssh_user": "root", "ssh_password": "any"}
    connector.data = {**defaults, **own, "ssh_look_for_keys": False, **data}  # type: ignore
    connector.connect()


class SimpleHost(SimpleNamespace):
    __hash__ = object.__hash__  # type: ignore[assignment]


def _refused(config: Path, **data: Any) -> host_keys.Refused:
    with pytest.raises(ConnectError) as problem:
        _connect(config, **data)
    refused = host_keys.of(problem.value)
    assert refused, problem.value
    return refused


def test_an_unknown_key_is_refused_and_stays_unknown(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, known: Path
) -> None:
    config = _config(tmp_path, listen(key), known)
    for _ in range(2):
        assert _refused(config).state == "unknown"
    assert not known.exists()


@pytest.mark.parametrize("strict", ["yes", "ask"])
def test_what_ssh_config_says_is_obeyed(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, known: Path, strict: str
) -> None:
    """`ask` as well, where nobody is there."""
    config = _config(tmp_path, listen(key), known, f"StrictHostKeyChecking {strict}")
    assert _refused(config).state == "unknown"


def test_a_known_key_is_connected_to(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, known: Path
) -> None:
    port = listen(key)
    _write(known, port, key)
    _connect(_config(tmp_path, port, f"{tmp_path}/not-there {known}"))
    _connect(_config(tmp_path, port, "none", f"GlobalKnownHostsFile {known}"))
    _connect(_config(tmp_path, port, tmp_path / "x"), ssh_known_hosts_file=str(known))


def test_an_alias_is_what_known_hosts_calls_the_node(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, known: Path
) -> None:
    known_hosts.add(known, "rack-key", key.get_name(), key.asbytes())
    port = listen(key)
    assert _refused(_config(tmp_path, port, known)).state == "unknown"
    _connect(_config(tmp_path, port, known, "HostKeyAlias rack-key"))


def test_the_kind_of_key_that_is_known_is_the_one_that_is_asked_for(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, rsa: RSAKey, known: Path
) -> None:
    port = listen(key, rsa)
    _write(known, port, rsa)
    _connect(_config(tmp_path, port, known))


@pytest.mark.parametrize("strict", ["yes", "accept-new", "no"])
def test_another_key_than_the_known_one_is_never_connected_to(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, rsa: RSAKey, known: Path, strict: str
) -> None:
    port = listen(rsa)
    _write(known, port, key)
    before = known.read_text()
    config = _config(tmp_path, port, known, f"StrictHostKeyChecking {strict}")
    refused = _refused(config, ssh_strict_host_key_checking=strict)
    assert (refused.state, refused.path) == ("changed", known)
    assert known.read_text() == before


def test_a_site_that_wants_otherwise_says_so(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, rsa: RSAKey, known: Path
) -> None:
    config = _config(tmp_path, listen(key), known, "StrictHostKeyChecking yes")
    _connect(config, ssh_strict_host_key_checking="no")
    assert not known.exists()
    _connect(config, ssh_strict_host_key_checking="accept-new")
    _connect(config, ssh_strict_host_key_checking="yes")
    _connect(_config(tmp_path, listen(key), known, "StrictHostKeyChecking accept-new"))


@pytest.mark.parametrize("jump", ["root@gate", "root@127.0.0.1:{port}"])
def test_who_is_reached_through_another_is_checked_as_that_one_is(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, rsa: RSAKey, known: Path, jump: str
) -> None:
    gate, node = listen(rsa), listen(key)
    _write(known, node, key)
    config = _config(tmp_path, node, known, f"ProxyJump {jump.format(port=gate)}")
    with config.open("a") as file:
        file.write(f"Host gate 127.0.0.1\n HostName 127.0.0.1\n Port {gate}\n")
        file.write(f" UserKnownHostsFile {known}\n")
    client.get_ssh_config.cache.clear()
    refused = _refused(config, ssh_strict_host_key_checking="accept-new")
    assert (refused.state, refused.name) == ("unknown", f"[127.0.0.1]:{gate}")
    _write(known, gate, key)
    assert _refused(config).state == "changed"


def test_the_finding_names_node_file_and_what_to_type(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, rsa: RSAKey, known: Path
) -> None:
    port = listen(key)
    refused = _refused(_config(tmp_path, port, known))
    [finding] = findings({"n1": refused})
    assert (finding.code, finding.hosts) == ("unknown-host-key", ("n1",))
    assert str(known) in finding.message
    assert "`ssh -o StrictHostKeyChecking=ask n1`" in finding.message
    _write(known, port, rsa)
    [finding] = findings({"n1": _refused(_config(tmp_path, port, known))})
    assert finding.code == "changed-host-key"
    assert f"`ssh-keygen -R '[127.0.0.1]:{port}' -f {known}`" in finding.message
    assert "`ssh -o StrictHostKeyChecking=ask n1`" in finding.message
    assert "rm " not in finding.message
    assert "delete" not in finding.message


@pytest.mark.parametrize(
    ("answer", "taken"), [("y", True), ("yes", True), ("", False), ("n", False)]
)
def test_who_is_asked_is_shown_the_fingerprint(
    tmp_path: Path,
    listen: Listen,
    key: paramiko.PKey,
    known: Path,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    taken: bool,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(host_keys, "somebody_is_there", lambda: True)

    def ask(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr(host_keys, "ask", ask)
    config = _config(tmp_path, listen(key), known, "StrictHostKeyChecking ask")
    if taken:
        _connect(config)
        _connect(config)
    else:
        assert _refused(config).state == "unknown"
    assert known.exists() == taken
    [question] = asked
    assert key.fingerprint in question


def test_a_revoked_key_is_not_connected_to_whatever_the_site_says(
    tmp_path: Path, listen: Listen, key: paramiko.PKey, known: Path
) -> None:
    port = listen(key)
    _write(known, port, key)
    with known.open("a") as file:
        file.write(f"@revoked * {key.get_name()} {key.get_base64()}\n")
    config = _config(tmp_path, port, known)
    assert _refused(config, ssh_strict_host_key_checking="no").state == "revoked"


def test_nodes_that_are_called_as_in_the_inventory_have_one_sentence() -> None:
    key = paramiko.ECDSAKey.generate()
    known = Path("/home/me/.ssh/known_hosts")
    verdict = known_hosts.Verdict("unknown")
    said = {name: host_keys.Refused(verdict, name, name, known, key) for name in ("n1", "n2")}
    said["n3"] = host_keys.Refused(verdict, "n3", "[n3]:2222", known, key)
    found = list(findings(said))
    assert [finding.hosts for finding in found] == [("n1", "n2"), ("n3",)]
    assert "StrictHostKeyChecking=ask NODE`" in found[0].message
