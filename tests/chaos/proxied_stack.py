"""The local stack with a proxy on every way from a service to a server, and on the clients' way to the front door."""

import asyncio
from collections.abc import Callable

from deploy.local.children import free_ports
from deploy.local.kafka import EmbeddedKafka
from deploy.local.places import Places
from deploy.local.postgres import EmbeddedPostgres
from deploy.local.stack import LocalStack
from shared.operations.kill_points import VARIABLE
from shared.operations.stack import SERVICES
from tests.chaos.proxy import Proxy

Route = tuple[str, str]
"""Who reaches whom: a service, or `clients`, and a server."""

ROUTES: tuple[Route, ...] = (
    *((service, server) for service in SERVICES for server in ("kafka", "postgres")),
    ("notifier", "smtp"),
    ("provisioning", "cloud_platform"),
    ("clients", "front_door"),
)
POSTGRES_OPTIONS = {"max_wal_size": "96MB", "min_wal_size": "32MB"}  # its disk is small


class ChaosStack(LocalStack):
    """The local stack, its services told the addresses of proxies; `kill_at` is the next start's kill point."""

    def __init__(
        self, places: Places, say: Callable[[str], None], proxies: dict[Route, Proxy]
    ) -> None:
        super().__init__(places, say)
        self.proxies, self.kill_at = proxies, dict[str, str]()
        disks, ports = places.root / "disks", places.ports
        self.postgres = EmbeddedPostgres(
            disks / "postgres" / "data",
            ports["postgres"],
            options=POSTGRES_OPTIONS,
            log=places.log("postgres"),
        )
        self.kafka = EmbeddedKafka(
            disks / "kafka" / "data",
            ports["kafka"],
            controller_port=ports["kafka_controller"],
            options=_listeners(ports, proxies),
            log=places.log("kafka"),
        )

    def environment(self, service: str) -> dict[str, str]:
        """As the local stack tells it, but for the ways to the servers."""

        def port(server: str) -> str:
            return str(self.proxies[service, server].port)

        told = super().environment(service) | {
            "DATACLOUD_DATABASE_DSN": self.postgres.dsn(service, service).replace(
                f":{self.postgres.port}/", f":{port('postgres')}/"
            ),
            "DATACLOUD_KAFKA_BOOTSTRAP": f"127.0.0.1:{port('kafka')}",
        }
        if service == "notifier":
            told["DATACLOUD_SMTP_PORT"] = port("smtp")
        if service == "provisioning":
            told["DATACLOUD_PLATFORM_URL"] = f"http://127.0.0.1:{port('cloud_platform')}/v2"
        if point := self.kill_at.pop(service, None):
            told[VARIABLE] = point
        return told


def _listeners(ports: dict[str, int], proxies: dict[Route, Proxy]) -> dict[str, str]:
    """One listener per service, which advertises that service's proxy: no client gets past it."""
    mine = {service: proxies[service, "kafka"] for service in SERVICES}
    names = ["PLAINTEXT", "CONTROLLER", *map(str.upper, mine)]
    listening = {name.upper(): each.target for name, each in mine.items()}
    advertised = {name.upper(): each.port for name, each in mine.items()}
    both = {"PLAINTEXT": ports["kafka"]}

    def said(addresses: dict[str, int]) -> str:
        return ",".join(f"{name}://127.0.0.1:{port}" for name, port in addresses.items())

    return {
        "listeners": said(both | {"CONTROLLER": ports["kafka_controller"]} | listening),
        "advertised.listeners": said(both | advertised),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in names),
        "inter.broker.listener.name": "PLAINTEXT",
    }


async def start_proxies(places: Places) -> tuple[dict[Route, Proxy], list[asyncio.Server]]:
    """Kafka listens for each service on a port of its own, behind that service's proxy."""
    own = iter(free_ports(len(SERVICES), besides=places.ports.values()))
    targets = {
        (who, server): next(own) if server == "kafka" else places.ports[server]
        for who, server in ROUTES
    }
    proxies = {route: Proxy(port) for route, port in targets.items()}
    return proxies, [await each.start() for each in proxies.values()]
