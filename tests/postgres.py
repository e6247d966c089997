"""A real PostgreSQL server for tests, out of Debian's packages, and gone when they end."""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import pytest

if TYPE_CHECKING:
    import psycopg

QUICK = ("fsync=off", "full_page_writes=off", "autovacuum=off")
ELSEWHERE = ("timezone=America/New_York", "listen_addresses=127.0.0.1", "max_connections=60")

_STATE: Final = """
SELECT relname, relnatts::text FROM pg_class WHERE relnamespace = 'public'::regnamespace
UNION SELECT written_by, version::text FROM schema_version
"""


@attrs.define
class Server:
    """A PostgreSQL server on the loopback, where everybody is trusted.

    Args:
        programs: The folder of its programs.
        folder: Where it keeps all its files.
        user: Whom it runs as; it refuses to run as root.
        port: Where it listens.
    """

    programs: Path
    folder: Path
    user: str | None
    port: int
    _process: "subprocess.Popen[bytes] | None" = None
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)
    _spare: dict[str, list[str]] = attrs.field(factory=dict)

    def initialise(self) -> None:
        """Make its files."""
        options = ["-A", "trust", "-U", "tester", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._call("initdb", "-D", str(self.folder / "data"), *options).check_returncode()

    def start(self) -> None:
        """Start it and wait until it answers."""
        places = ("-D", self.folder / "data", "-k", self.folder, "-p", str(self.port))
        settings = [word for line in (*QUICK, *ELSEWHERE) for word in ("-c", line)]
        command = [self.programs / "postgres", *places, *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd="/", **self._as_user()
            )
        deadline = time.monotonic() + 30
        while self._call("pg_isready", "-h", "127.0.0.1", "-p", str(self.port)).returncode:
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """End it at once, whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait()
            self._process = None

    def url(self, database: str) -> str:
        """Return where a registry in a database is; the password is there to be hidden."""
        return f"postgresql+psycopg://tester:secret@127.0.0.1:{self.port}/{database}"

    def new_database(self, template: str = "template0") -> str:
        """Create a database and return its name."""
        name = f"registry{next(self._numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")

    def borrow(self, template: str) -> str:
        """Return a database like another, which takes a tenth of the time of a new one."""
        spare = self._spare.setdefault(template, [])
        return spare.pop() if spare else self.new_database(template)

    def give_back(self, database: str, template: str) -> None:
        """Empty a borrowed database of runs, or remove it if more than runs has changed in it."""
        self.disconnect(database)
        with self.connect(database) as connection:
            connection.execute("TRUNCATE runs RESTART IDENTITY CASCADE")
            state = connection.execute(_STATE).fetchall()
        with self.connect(template) as connection:
            whole = connection.execute(_STATE).fetchall()
        if state == whole:
            self._spare[template].append(database)
        else:
            self.drop(database)

    def disconnect(self, database: str) -> int:
        """Cut every connection to a database, and return how many there were."""
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        return len(self.execute(ended, database))

    def execute(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """Do something to the server as a whole."""
        with self.connect("postgres") as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str) -> "psycopg.Connection[tuple[object, ...]]":
        """Connect to a database, each statement a transaction of its own."""
        import psycopg

        return psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True)

    def _call(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
        command = [str(self.programs / program), *arguments]
        return subprocess.run(command, capture_output=True, cwd="/", **self._as_user())

    def _as_user(self) -> dict[str, object]:
        return {} if self.user is None else {"user": self.user, "extra_groups": []}


@contextlib.contextmanager
def running_server() -> Iterator[Server]:
    """Run a server for as long as the block lasts; skip in words where there can be none."""
    pytest.importorskip("psycopg", reason="needs psycopg: pip install 'genpolicy[postgres]'")
    user = _user()
    folder = Path(tempfile.mkdtemp(prefix="genpolicy-postgres-", dir=_quick_place()))
    server = Server(_programs(), folder, user, _free_port())
    try:
        if user is not None:
            shutil.chown(folder, user)
        server.initialise()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _quick_place() -> str | None:
    """Return a folder in memory if there is one with room for a few hundred databases' files."""
    place = Path("/dev/shm")
    roomy = place.is_dir() and shutil.disk_usage(place).free > 2**30
    return str(place) if roomy else None


def _programs() -> Path:
    """Return the folder of the newest server that Debian's packages put here."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3])
    )
    if not found:
        pytest.skip("needs a PostgreSQL server: apt-get install postgresql")
    return found[-1].parent


def _user() -> str | None:
    if os.getuid():
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    return pytest.skip("PostgreSQL refuses to run as root, and there is no other user here")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
