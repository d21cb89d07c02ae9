"""The whole system as `make run` starts it, each service reaching each server through a proxy of its own.

Everything is on loopback and below one directory; nothing is left behind, whoever runs it and however it ends.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from deploy.local.children import free_ports, spawn, stop
from deploy.local.places import Places, find_places
from shared.event_sourcing.database import PlainConnection
from shared.operations.stack import ROOT
from tests.chaos.disks import mount, unmount
from tests.chaos.history import History
from tests.chaos.interruptions import Interruptions
from tests.chaos.proxied_stack import ChaosStack, Route, start_proxies
from tests.chaos.proxy import Proxy
from tests.chaos.trouble import Trouble

STOP_SECONDS_MAX = 10.0


@dataclass
class ChaosSystem:
    """What faults and drivers work with.

    `jumps`: when the databases' clock began and ended to be moved, and by how much it is shifted since.
    """

    places: Places
    stack: ChaosStack
    proxies: dict[Route, Proxy]
    history: History
    said: list[str]
    small_disks: bool
    jumps: list[tuple[datetime, datetime, timedelta]] = field(default_factory=list)
    clock: asyncio.Lock = field(default_factory=asyncio.Lock)
    interruptions: Interruptions = field(default_factory=Interruptions)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    frozen: set[int] = field(default_factory=set)
    replicas: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def front_door(self) -> str:
        return f"http://127.0.0.1:{self.proxies['clients', 'front_door'].port}"

    def pid(self, name: str) -> int:
        """The process of this server or service now."""
        return self.stack.supervisor.pids()[name]

    def signal(self, name: str, number: signal.Signals) -> bool:
        """False if it is gone already."""
        try:
            os.kill(self.pid(name), number)
        except ProcessLookupError:
            return False
        return True

    def freeze(self, name: str) -> set[int]:
        """Stop it and its children in the middle of whatever they do."""
        stopped = set()
        for pid in (self.pid(name), *_children_of(self.pid(name))):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                stopped.add(pid)
        self.frozen |= stopped
        return stopped

    def thaw(self, pids: Iterable[int]) -> None:
        """They go on as if nothing had happened."""
        for pid in tuple(pids):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            self.frozen.discard(pid)

    @asynccontextmanager
    async def troubled(self, route: Route, trouble: Trouble) -> AsyncIterator[Trouble]:
        """As long as the block lasts, on one service's way to one server."""
        async with self.proxies[route].troubled(trouble):
            yield trouble

    @asynccontextmanager
    async def replica(self, service: str) -> AsyncIterator[subprocess.Popen[bytes]]:
        """A second process of a service, without its share of HTTP; asked to stop at the end."""
        (port,) = free_ports(1, besides=self.places.ports.values())
        told = self.stack.environment(service) | {"DATACLOUD_HTTP_PORT": str(port)}
        log = self.places.log(f"{service}-replica")
        command = [sys.executable, "-m", f"services.{service}"]
        process = spawn(command, log, environment=told, directory=ROOT)
        self.replicas.append(process)
        try:
            yield process
        finally:
            await asyncio.to_thread(stop, process, signal.SIGTERM, STOP_SECONDS_MAX)

    async def admin(self, service: str) -> PlainConnection:
        """The superuser in one service's database, past all proxies."""
        return await asyncpg.connect(self.stack.postgres.dsn(service, "postgres"), timeout=5)

    async def until_up(self, name: str) -> None:
        """Until the supervisor has it running and ready again."""
        [child] = [c for c in self.stack.supervisor._children if c.name == name]  # noqa: SLF001 - it tells nobody else
        while not (child.up and child.process and child.process.poll() is None):  # noqa: ASYNC110 - likewise
            await asyncio.sleep(0.1)


def _children_of(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, IndexError):
            parent = entry.read_text(encoding="utf-8").rpartition(")")[2].split()[1]
            if int(parent) == pid:
                found.append(int(entry.parent.name))
    return found


@asynccontextmanager
async def chaos_system(keep: Path, say: Callable[[str], None]) -> AsyncIterator[ChaosSystem]:
    """Started and ready; stopped when the block ends. Logs and history are copied to `keep` only if it raises.

    SIGTERM ends the block as Ctrl-C does.
    """
    _end_on_sigterm()
    root = Path(tempfile.mkdtemp(prefix="datacloud-chaos-"))
    disks = [root / "disks" / name for name in ("postgres", "kafka")]
    mounted = [mount(disk) for disk in disks]
    places = find_places(root)
    proxies, servers = await start_proxies(places)
    said: list[str] = []

    def hear(line: str) -> None:
        said.append(f"{datetime.now(UTC):%H:%M:%S.%f} {line}")

    stack = ChaosStack(places, hear, proxies)
    history = History(root / "history.jsonl")
    system = ChaosSystem(places, stack, proxies, history, said, all(mounted))
    try:
        await asyncio.to_thread(stack.start)
        yield system
    except BaseException:
        save(system, keep)
        say(f"history and logs are in {keep}")
        raise
    finally:
        system.thaw(system.frozen)
        for process in system.replicas:
            stop(process, signal.SIGKILL, 1)
        await asyncio.to_thread(stack.stop)
        history.close()
        for server in servers:
            server.close()
        for disk, was in zip(disks, mounted, strict=True):
            if was:
                unmount(disk)
        shutil.rmtree(root, ignore_errors=True)


def _end_on_sigterm() -> None:
    """Once: what is being cleared away is not interrupted again."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def end() -> None:
        loop.add_signal_handler(signal.SIGTERM, lambda: None)
        task.cancel()

    loop.add_signal_handler(signal.SIGTERM, end)


def save(system: ChaosSystem, keep: Path) -> None:
    """What somebody needs who wants to know what happened."""
    shutil.rmtree(keep, ignore_errors=True)
    keep.mkdir(parents=True)
    shutil.copytree(system.places.root / "log", keep / "log")
    shutil.copy(system.places.root / "history.jsonl", keep)
    (keep / "supervisor.log").write_text("\n".join(system.said), encoding="utf-8")
