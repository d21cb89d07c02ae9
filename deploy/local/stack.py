"""The whole system as child processes: servers, databases and topics prepared, five services, front door."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from deploy.local.children import listens, require_free, spawn, wait_until
from deploy.local.identity import OFFICERS
from deploy.local.kafka import EmbeddedKafka
from deploy.local.places import Places
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.supervisor import Child, Supervisor
from shared.event_sourcing.migrations import migrate
from shared.messaging import topics_admin
from shared.operations.stack import ROOT, SERVICES

Process = subprocess.Popen[bytes]
SERVICE_START_SECONDS_MAX = 60.0
ROLES = tuple(OFFICERS)


class LocalStack:
    """One running system below one directory."""

    def __init__(self, places: Places, say: Callable[[str], None], clock_shift: str = "") -> None:
        self.places, self._clock_shift = places, clock_shift
        self.postgres = EmbeddedPostgres(
            places.root / "postgres", places.ports["postgres"], log=places.log("postgres")
        )
        self.kafka = EmbeddedKafka(
            places.root / "kafka",
            places.ports["kafka"],
            controller_port=places.ports["kafka_controller"],
            log=places.log("kafka"),
        )
        self.supervisor = Supervisor(say, self.write_endpoints)
        self._say = say

    def start(self) -> None:
        """Everything up and ready; raises NotStarted with the reason."""
        self.supervisor.start(
            Child("postgres", 0, self.postgres.spawn, self.postgres.until_ready, signal.SIGINT),
            Child("kafka", 0, self.kafka.spawn, self.kafka.until_ready),
            *(self._server(name, *arguments) for name, arguments in self._servers().items()),
        )
        self.postgres.provision(SERVICES, {"datacloud.clock_shift": self._clock_shift or "0"})
        asyncio.run(self._prepare())
        self.supervisor.start(
            *(self._service(name) for name in SERVICES),
            self._server("front_door", *self._front_door(), wave=2),
        )
        self.write_endpoints()

    def stop(self) -> None:
        """In order; nothing is left behind."""
        self.supervisor.stop()
        self.places.endpoints.unlink(missing_ok=True)

    def write_endpoints(self) -> None:
        """Atomically, so that a reader never sees half of it."""
        places, services = self.places, {name: self.places.url(name) for name in SERVICES}
        content = {
            "kafka": self.kafka.bootstrap,
            "postgres": {name: self.postgres.dsn(name, name) for name in SERVICES},
            "smtp": f"127.0.0.1:{places.ports['smtp']}",
            "mailbox": str(places.mailbox),
            "identity": places.url("identity"),
            "cloud_platform": {
                "url": f"{places.url('cloud_platform')}/v2",
                "token": places.platform_token.read_text(encoding="utf-8"),
            },
            "front_door": places.url("front_door"),
            **services,
            "pids": self.supervisor.pids(),
            "metrics": {name: f"{url}/metrics" for name, url in services.items()},
        }
        new = places.endpoints.with_suffix(".new")
        new.write_text(json.dumps(content, indent=2), encoding="utf-8")
        new.replace(places.endpoints)

    async def _prepare(self) -> None:
        """Databases at the program's version, topics as `topics.py` says."""
        for service in SERVICES:
            owner = self.postgres.dsn(service, f"{service}_owner")
            if applied := await migrate(owner, service, root=ROOT):
                self._say(f"{service}: migrated {len(applied)} files")
        for line in await topics_admin.apply(self.kafka.bootstrap):
            self._say(str(line))

    def _servers(self) -> dict[str, list[str]]:
        places = self.places
        return {
            "mail": ["--port", str(places.ports["smtp"]), "--directory", str(places.mailbox)],
            "identity": ["--port", str(places.ports["identity"])],
            "cloud_platform": [
                "--port", str(places.ports["cloud_platform"]),
                "--data", str(places.root / "cloud_platform.json"),
                "--token-file", str(places.platform_token),
            ],
        }  # fmt: skip

    def _front_door(self) -> list[str]:
        routed = [part for name in SERVICES for part in (f"--{name}", self.places.url(name))]
        return ["--port", str(self.places.ports["front_door"]), *routed]

    def _server(self, name: str, *arguments: str, wave: int = 0) -> Child:
        port, log = self.places.ports["smtp" if name == "mail" else name], self.places.log(name)

        def start() -> Process:
            require_free(port, name)
            command = [sys.executable, "-m", f"deploy.local.{name}", *arguments]
            return spawn(command, log, directory=ROOT)

        def ready(process: Process) -> None:
            wait_until(lambda: listens(port, process.pid), process, name, log, 30)

        return Child(name, wave, start, ready)

    def _service(self, name: str) -> Child:
        port, log = self.places.ports[name], self.places.log(name)
        health = f"{self.places.url(name)}/health/ready"

        def start() -> Process:
            require_free(port, name)
            command = [sys.executable, "-m", f"services.{name}"]
            return spawn(command, log, environment=self.environment(name), directory=ROOT)

        def ready(process: Process) -> None:
            wait_until(
                lambda: listens(port, process.pid) and answers(health),
                process, name, log, SERVICE_START_SECONDS_MAX,
            )  # fmt: skip

        return Child(name, 1, start, ready)

    def environment(self, service: str) -> dict[str, str]:
        """What one service process is told."""
        places = self.places
        settings = {
            "DATABASE_DSN": self.postgres.dsn(service, service),
            "KAFKA_BOOTSTRAP": self.kafka.bootstrap,
            "HTTP_PORT": str(places.ports[service]),
            "PUBLIC_URL": places.url("front_door"),
            "IDENTITY_ISSUER": places.url("identity"),
            "IDENTITY_OPAQUE_TOKENS": "true",
            "SECRET_FILE": str(places.tracking_keys),
            "ENVIRONMENT": "local",
            "LOG_FORMAT": "json",
            "FILINGS_PER_MINUTE": "1000",
            "PLATFORM_URL": f"{places.url('cloud_platform')}/v2",
            "PLATFORM_TOKEN_FILE": str(places.platform_token),
            "SMTP_HOST": "127.0.0.1",
            "SMTP_PORT": str(places.ports["smtp"]),
            "MAIL_FROM": "Pelayanan Data Cloud <datacloud@kalbarprov.go.id>",
            "MAIL_DOMAIN": "datacloud.kalbarprov.go.id",
            "RECIPIENTS": json.dumps(
                {role: [f"{role}@diskominfo.kalbarprov.go.id"] for role in ROLES}
            ),
            "SIGNER_NAME": "Contoh Kepala Dinas, S.Kom., M.T.",
            "SIGNER_RANK": "Pembina Utama Muda",
            "SIGNER_NIP": "197001011995031001",
        }
        named = {f"DATACLOUD_{name}": value for name, value in settings.items()}
        return named | {name: value for name, value in os.environ.items() if name in named}


def answers(url: str) -> bool:
    """Whether it says 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - loopback, our own
            return bool(response.status == 200)  # noqa: PLR2004 - HTTP
    except OSError:
        return False


def remove(directory: Path) -> None:
    """FRESH=1: everything below goes, but for the directory itself."""
    import shutil  # noqa: PLC0415 - needed for this alone

    for path in directory.iterdir() if directory.exists() else ():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
