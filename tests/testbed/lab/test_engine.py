"""Finding a container engine, and the ports that a lab publishes."""

import os
import socket
import subprocess
import threading
from pathlib import Path

from testbed.lab import engine

SCRIPT = Path(__file__).parents[3] / "testbed" / "lab" / "engine.sh"


def engine_sh(docker_host: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(SCRIPT)],
        capture_output=True,
        text=True,
        env=os.environ | {"DOCKER_HOST": docker_host},
        check=False,
    )


def answer_once(server: socket.socket, answer: bytes) -> None:
    connection, _ = server.accept()
    with connection:
        connection.recv(100)
        connection.sendall(answer)


def test_an_engine_that_answers_is_taken_silently(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        answer = b"HTTP/1.1 200 OK\r\n\r\nOK"
        threading.Thread(target=answer_once, args=(server, answer), daemon=True).start()
        done = engine_sh(f"unix://{tmp_path}/s")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_named_engine_that_is_not_there_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    done = engine_sh(f"unix://{tmp_path}/nothing")
    assert done.returncode == 1
    assert "no container engine answers at DOCKER_HOST" in done.stderr
    assert "install" in done.stderr


def test_an_open_connection_alone_is_no_sign_of_life() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=answer_once, args=(server, b""), daemon=True).start()
        assert not engine.says(port, b"SSH-", b"x")
        threading.Thread(target=answer_once, args=(server, b"SSH-2.0-x"), daemon=True).start()
        assert engine.says(port, b"SSH-", b"x")


def test_a_free_port_can_be_bound_on_loopback() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", engine.free_port()))
