"""Real PostgreSQL and Kafka for the tests: embedded, or in containers where Docker runs (`--stack=docker`)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg

from deploy.local.children import free_port
from deploy.local.kafka import EmbeddedKafka
from deploy.local.postgres import BINARIES, EmbeddedPostgres
from shared.event_sourcing.migrations import migrate
from shared.operations.stack import ROOT


@dataclass(frozen=True, slots=True)
class Databases:
    """A cluster in which every test module gets databases of its own."""

    host: str
    port: int
    admin: str = "postgres"
    password: str = ""

    def dsn(self, database: str, user: str) -> str:
        """How `user` reaches `database`."""
        secret = f":{self.password}" if self.password else ""
        return f"postgresql://{user}{secret}@{self.host}:{self.port}/{database}"

    def make(self, service: str, *, clock_shift: str = "0") -> str:
        """A fresh, migrated database of this service; answers the address of its login role."""
        return asyncio.run(self._make(service, clock_shift))

    async def _make(self, service: str, clock_shift: str) -> str:
        name, owner = f"{service}_{uuid4().hex[:8]}", f"{service}_owner"
        connection = await asyncpg.connect(self.dsn("postgres", self.admin))
        try:
            for role in (owner, service):
                if not await connection.fetchval("select 1 from pg_roles where rolname = $1", role):
                    password = f" password '{self.password}'" if self.password else ""
                    await connection.execute(f'create role "{role}" login{password}')
            await connection.execute(f'create database "{name}" owner "{owner}"')
            await connection.execute(
                f"alter database \"{name}\" set datacloud.clock_shift = '{clock_shift}'"
            )
        finally:
            await connection.close()
        await migrate(self.dsn(name, owner), service, root=ROOT)
        return self.dsn(name, service)


@contextmanager
def embedded_databases(directory: Path, binaries: Path = BINARIES) -> Iterator[Databases]:
    """PostgreSQL from the wheel or from elsewhere, in a directory of the test run."""
    server = EmbeddedPostgres(directory / "postgres", binaries=binaries)
    server.start()
    try:
        yield Databases("127.0.0.1", server.port)
    finally:
        server.stop()


@contextmanager
def embedded_kafka(directory: Path) -> Iterator[str]:
    """Kafka from Maven's jars, in a directory of the test run; answers its bootstrap address."""
    server = EmbeddedKafka(directory / "kafka")
    server.start()
    try:
        yield server.bootstrap
    finally:
        server.stop()


@contextmanager
def docker_databases() -> Iterator[Databases]:
    """The same from an image. Assumes an engine whose containers can be reached from here, and a registry."""
    from testcontainers.community.postgres import PostgresContainer  # noqa: PLC0415 - needed with --stack=docker alone

    with PostgresContainer("postgres:18", username="postgres", password="local") as server:
        port = int(server.get_exposed_port(5432))
        yield Databases(server.get_container_host_ip(), port, password="local")


@contextmanager
def docker_kafka() -> Iterator[str]:
    """The same from an image. Assumes an engine on this machine: the broker advertises a port of 127.0.0.1."""
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - needed with --stack=docker alone
    from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415 - likewise

    port = free_port()
    settings = {
        "NODE_ID": "1",
        "PROCESS_ROLES": "broker,controller",
        "CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "AUTO_CREATE_TOPICS_ENABLE": "false",
        "MESSAGE_MAX_BYTES": "2097152",
        "OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    }
    broker = DockerContainer("apache/kafka:4.3.1").with_bind_ports(9092, port)
    broker.with_envs(**{f"KAFKA_{name}": value for name, value in settings.items()})
    with broker.waiting_for(LogMessageWaitStrategy("Kafka Server started")):
        yield f"127.0.0.1:{port}"
