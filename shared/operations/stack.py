"""Where the running system is: `var/local/endpoints.json`, unless an operator names another file or directory."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

SERVICES = ("intake", "review", "provisioning", "complaints", "notifier")
ROOT = Path(__file__).resolve().parents[2]
ENDPOINTS_VARIABLE = "DATACLOUD_ENDPOINTS"
DIRECTORY_VARIABLE = "DATACLOUD_LOCAL"


class StackUnknown(Exception):  # noqa: N818 - told to the operator as it is
    """Neither a running local stack nor addresses were given; the message is Indonesian, for the operator."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The addresses an operator's command needs."""

    kafka: str
    postgres: dict[str, str] = field(default_factory=dict)

    def owner_dsn(self, service: str) -> str:
        """The same database as its owner: migrations and grants are not the service's own right."""
        return self.postgres[service].replace(f"//{service}@", f"//{service}_owner@", 1)


def local_root() -> Path:
    """The directory of `make run`."""
    return Path(os.environ.get(DIRECTORY_VARIABLE) or ROOT / "var" / "local").resolve()


def find_stack(endpoints: Path | None = None) -> Stack:
    """Read the endpoints file; raises StackUnknown with what to do."""
    named = endpoints or os.environ.get(ENDPOINTS_VARIABLE)
    path = Path(named) if named else local_root() / "endpoints.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        message = f"{path} tidak ada: jalankan sistem dengan `make run`, atau sebutkan berkasnya dengan --endpoints"
        raise StackUnknown(message) from None
    except (OSError, ValueError) as error:
        message = f"{path} tidak terbaca: {error}"
        raise StackUnknown(message) from None
    match content:
        case {"kafka": str(kafka), "postgres": dict(postgres)} if postgres.keys() >= set(
            SERVICES
        ) and all(isinstance(dsn, str) for dsn in postgres.values()):
            return Stack(kafka, {name: postgres[name] for name in SERVICES})
        case _:
            message = (
                f"{path} bukan berkas endpoints: `kafka` atau `postgres` tidak ada atau keliru"
            )
            raise StackUnknown(message)
