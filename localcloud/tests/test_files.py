"""Copying files: scp in both protocols, sftp, and the SFTP server by itself."""

import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.sandboxes import sftp
from localcloud.sandboxes.wire import Reader, text
from trial import Machine


def scp(machine: Machine, *words: str | Path, legacy: bool = False) -> "subprocess.CompletedProcess[str]":
    flags = ["-O"] if legacy else []
    command = ["scp", "-q", *flags, *machine.options("-P"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=20)


@pytest.mark.slow
@pytest.mark.parametrize("legacy", [False, True], ids=["sftp", "legacy"])
def test_scp_up_and_down(yuna: Machine, tmp_path: Path, legacy: bool) -> None:
    data = os.urandom(1_000_003)
    (tmp_path / "up").write_bytes(data)
    (tmp_path / "up").chmod(0o640)
    there = f"ubuntu@{yuna.address}"
    up = scp(yuna, "-p", tmp_path / "up", f"{there}:copied", legacy=legacy)
    assert (up.returncode, up.stderr) == (0, "")
    assert yuna.says("stat -c '%a %s' copied") == "640 1000003"
    down = scp(yuna, f"{there}:copied", tmp_path / "down", legacy=legacy)
    assert (down.returncode, down.stderr) == (0, "")
    assert (tmp_path / "down").read_bytes() == data


@pytest.mark.slow
def test_scp_copies_folders_with_names_in_korean(yuna: Machine, tmp_path: Path) -> None:
    (tmp_path / "자료 1" / "안").mkdir(parents=True)
    (tmp_path / "자료 1" / "안" / "글.txt").write_text("안녕")
    there = f"ubuntu@{yuna.address}"
    assert scp(yuna, "-r", tmp_path / "자료 1", f"{there}:").returncode == 0
    assert yuna.says("cat '자료 1/안/글.txt'") == "안녕"
    assert scp(yuna, "-r", f"{there}:자료 1", tmp_path / "back").returncode == 0
    assert (tmp_path / "back" / "안" / "글.txt").read_text() == "안녕"


@pytest.mark.slow
def test_scp_says_when_a_file_is_not_there(yuna: Machine, tmp_path: Path) -> None:
    done = scp(yuna, f"ubuntu@{yuna.address}:nothing", tmp_path / "x")
    assert done.returncode == 1
    assert "No such file" in done.stderr


@pytest.mark.slow
def test_sftp_does_what_people_do_with_it(yuna: Machine, tmp_path: Path) -> None:
    (tmp_path / "local").write_text("content")
    batch = "\n".join(
        [
            "pwd",
            "mkdir work",
            f"put {tmp_path}/local work/one",
            "chmod 600 work/one",
            "rename work/one work/two",
            "ln -s two work/link",
            "ls -la work",
            f"get work/link {tmp_path}/back",
            "rm work/link",
            "rm work/two",
            "rmdir work",
            "df",
        ]
    )
    command = ["sftp", "-b", "-", *yuna.options("-P"), f"ubuntu@{yuna.address}"]
    done = subprocess.run(command, input=batch, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stderr
    assert "-rw-------" in done.stdout
    assert (tmp_path / "back").read_text() == "content"
    assert yuna.ssh("test -e work").returncode == 1


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="a person's sandbox can read what the person can")
def test_sftp_reads_no_more_than_the_boxs_user_may(yuna: Machine, tmp_path: Path) -> None:
    """A server with the cloud's own rights would follow this link and give out the cloud's secrets."""
    yuna.says(f"ln -sf '{yuna.trial.home}/identity.json' secret; ln -sf /etc/shadow shadow")
    for name in ("secret", "shadow"):
        assert scp(yuna, f"ubuntu@{yuna.address}:{name}", tmp_path / name).returncode == 1


# -- the server alone --------------------------------------------------------------------------------------------------


def number(value: int) -> bytes:
    return value.to_bytes(4, "big")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sftp.Server:
    monkeypatch.chdir(tmp_path)
    return sftp.Server()


def status_of(reply: bytes) -> int:
    reader = Reader(reply)
    assert reader.byte() == sftp.STATUS
    assert reader.number() == 9
    return reader.number()


def ask(server: sftp.Server, kind: int, *parts: bytes) -> bytes:
    return server.answer(bytes([kind]) + number(9) + b"".join(parts))


def test_a_missing_file_and_an_unknown_request_have_their_codes(server: sftp.Server) -> None:
    assert status_of(ask(server, sftp.STAT, text(b"nothing"))) == sftp.NO_SUCH_FILE
    assert status_of(ask(server, 99)) == sftp.UNSUPPORTED
    assert status_of(ask(server, sftp.READ, text(b"no handle"), bytes(8), number(1))) == sftp.FAILURE


@pytest.mark.parametrize("kind", [sftp.OPEN, sftp.WRITE, sftp.SETSTAT, sftp.EXTENDED, sftp.READDIR])
@pytest.mark.parametrize("rest", [b"", b"\xff\xff\xff\xff", b"\0\0\0\x05ab", text(b"a\0b")])
def test_a_broken_request_gets_an_answer_and_not_a_crash(server: sftp.Server, kind: int, rest: bytes) -> None:
    assert status_of(ask(server, kind, rest)) in (sftp.BAD_MESSAGE, sftp.FAILURE, sftp.UNSUPPORTED, sftp.NO_SUCH_FILE)


def test_rename_does_not_replace_but_posix_rename_does(server: sftp.Server, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    assert status_of(ask(server, sftp.RENAME, text(b"a"), text(b"b"))) == sftp.FAILURE
    posix = text(b"posix-rename@openssh.com")
    assert status_of(ask(server, sftp.EXTENDED, posix, text(b"a"), text(b"b"))) == sftp.OK
    assert (tmp_path / "b").read_text() == "a"


@pytest.fixture
def pipes() -> Iterator[tuple[int, int]]:
    requests, to_server = os.pipe()
    from_server, answers = os.pipe()
    thread = threading.Thread(target=sftp.serve, args=(requests, answers), daemon=True)
    thread.start()
    yield to_server, from_server
    os.close(to_server)
    thread.join(5)
    os.close(from_server)
    os.close(answers)


def test_it_greets_with_version_three_and_its_extensions(pipes: tuple[int, int]) -> None:
    os.write(pipes[0], number(5) + bytes([sftp.INIT]) + number(3))
    answer = os.read(pipes[1], 1000)
    assert answer[4:9] == bytes([2]) + number(3)
    assert b"posix-rename@openssh.com" in answer
