"""Where the running system is: `var/local/endpoints.json`, unless an operator names another file or addresses."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

SERVICES = ("intake", "review", "provisioning", "complaints", "notifier")
ROOT = Path(__file__).resolve().parents[2]
ENDPOINTS_VARIABLE = "DATACLOUD_ENDPOINTS"


class StackUnknown(Exception):  # noqa: N818 - told to the operator as it is
    """Neither a running local stack nor addresses were given."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The addresses an operator's command needs."""

    kafka: str
    postgres: dict[str, str] = field(default_factory=dict)

    def owner_dsn(self, service: str) -> str:
        """The same database as its owner: migrations and grants are not the service's own right."""
        return self.postgres[service].replace(f"//{service}@", f"//{service}_owner@", 1)


def find_stack(endpoints: Path | None = None) -> Stack:
    """Read the endpoints file; raises StackUnknown with what to do."""
    path = endpoints or Path(os.environ.get(ENDPOINTS_VARIABLE, ROOT / "var/local/endpoints.json"))
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Stack(content["kafka"], content["postgres"])
    except FileNotFoundError:
        message = f"{path} is not there: start the system with `make run`, or name its endpoints file with --endpoints"
        raise StackUnknown(message) from None
    except (ValueError, KeyError) as error:
        message = f"{path} is not an endpoints file: {error!r}"
        raise StackUnknown(message) from None
