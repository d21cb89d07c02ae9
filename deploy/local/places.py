"""Where the local system keeps its things and on which ports it listens: both survive a restart."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from deploy.local.children import free_ports, is_free, require_free
from shared.operations.stack import SERVICES

SERVERS = ("front_door", "identity", "cloud_platform", "smtp", "kafka", "postgres")
NAMES = (*SERVERS, *SERVICES, "kafka_controller")


@dataclass(frozen=True, slots=True)
class Places:
    """Files below `var/local`, ports of 127.0.0.1 by name."""

    root: Path
    ports: dict[str, int]

    @property
    def endpoints(self) -> Path:
        return self.root / "endpoints.json"

    @property
    def mailbox(self) -> Path:
        return self.root / "mail"

    @property
    def letters(self) -> Path:
        return self.root / "letters"

    @property
    def tracking_keys(self) -> Path:
        return self.root / "secrets" / "tracking.keys"

    @property
    def platform_token(self) -> Path:
        return self.root / "secrets" / "platform.token"

    def log(self, name: str) -> Path:
        return self.root / "log" / f"{name}.log"

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"


def find_places(root: Path, first_port: int | None = None) -> Places:
    """Ports from `first_port` on if it is given, else those of the last run where they are free, else any free ones."""
    for part in ("log", "mail", "letters", "secrets"):
        (root / part).mkdir(parents=True, exist_ok=True)
    (root / "secrets").chmod(0o700)
    places = Places(root, _ports(root / "ports.json", first_port))
    _secret(places.tracking_keys, f"1:{secrets.token_hex(32)}\n")
    _secret(places.platform_token, secrets.token_urlsafe(32))
    return places


def _ports(remembered: Path, first_port: int | None) -> dict[str, int]:
    if first_port is not None:
        ports = {name: first_port + place for place, name in enumerate(NAMES)}
        for name, port in ports.items():
            require_free(port, name)
    else:
        kept = {name: port for name, port in _remembered(remembered).items() if is_free(port)}
        others = iter(free_ports(len(NAMES), besides=kept.values()))
        ports = {name: kept[name] if name in kept else next(others) for name in NAMES}
    remembered.write_text(json.dumps(ports), encoding="utf-8")
    return ports


def _remembered(path: Path) -> dict[str, int]:
    """No port twice, whatever the file says; none at all if it cannot be read."""
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        by_port = {said[name]: name for name in NAMES if isinstance(said.get(name), int)}
    except (OSError, ValueError, AttributeError):
        return {}
    return {name: port for port, name in by_port.items() if 0 < port < 1 << 16}


def _secret(path: Path, content: str) -> None:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(content, encoding="utf-8")
