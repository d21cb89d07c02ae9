"""The cloud platform: a real SCIM 2.0 server (RFC 7643, 7644) whose data survives a restart, however it ends.

Promise: a change is on the disk before it is answered; a version (ETag) is never given twice.
"""

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, make_server

from scim2_models import Resource, ResourceType, ScimProvider
from scim2_server.memory import InMemoryStorage
from scim2_server.testserver.application import BEARER_TOKEN_SCHEME, BearerTokenApplication
from scim2_server.testserver.cli import ThreadingWSGIServer
from scim2_server.utils import (
    load_default_resource_types,
    load_default_schemas,
    load_default_service_provider_config,
)

from deploy.local.mail import sync_directory

R = TypeVar("R")


class KeptStorage(InMemoryStorage):
    """Resources in memory and, before any answer, in one JSON file that is replaced whole."""

    def __init__(self, path: Path, provider: ScimProvider) -> None:
        super().__init__()
        self._path, self._provider = path, provider
        self._load()

    def create(self, resource_type: ResourceType, resource: Resource[Any]) -> Resource[Any]:
        return self._kept(lambda: super(KeptStorage, self).create(resource_type, resource))

    def update(
        self,
        resource_type: ResourceType,
        resource: Resource[Any],
        *,
        expected_version: str | None = None,
    ) -> Resource[Any]:
        return self._kept(
            lambda: super(KeptStorage, self).update(
                resource_type, resource, expected_version=expected_version
            )
        )

    def delete(
        self,
        resource_type: ResourceType,
        resource_id: str,
        *,
        expected_version: str | None = None,
    ) -> None:
        self._kept(
            lambda: super(KeptStorage, self).delete(
                resource_type, resource_id, expected_version=expected_version
            )
        )

    def _kept(self, change: Callable[[], R]) -> R:
        """A change that cannot be written did not happen."""
        with self.lock:
            changed = change()
            try:
                self._save()
            except OSError:
                self._load()
                raise
            return changed

    def _save(self) -> None:
        content = {
            "last_version": next(self.versions),
            "resources": [resource.model_dump() for resource in self.resources],
        }
        new = self._path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        sync_directory(self._path.parent)

    def _load(self) -> None:
        """Raises SystemExit for a file that is none of ours: an empty platform would be a lie."""
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            kept = [self._resource(data) for data in content["resources"]]
            self.versions = count(content["last_version"] + 1)
        except FileNotFoundError:
            kept = []
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"{self._path} cannot be read as the platform's data: {error!r}")
        self.resources = kept

    def _resource(self, data: dict[str, Any]) -> Resource[Any]:
        model = self._provider.model_for(data["meta"]["resourceType"])
        if model is None:
            raise KeyError(data["meta"]["resourceType"])
        resource = model.model_validate(data)
        if not isinstance(resource, Resource):
            raise TypeError(type(resource).__name__)
        return resource


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Addresses hold user names."""


def main() -> None:
    """`python -m deploy.local.cloud_platform --port 8080 --data platform.json --token-file token`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--token-file", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    config = load_default_service_provider_config()
    config.authentication_schemes = [*(config.authentication_schemes or []), BEARER_TOKEN_SCHEME]
    provider = ScimProvider.from_discovery(
        load_default_schemas().values(), load_default_resource_types().values(), config=config
    )
    token = arguments.token_file.read_text(encoding="utf-8").strip()
    storage = KeptStorage(arguments.data, provider)
    application = BearerTokenApplication(storage, provider, bearer_tokens=[token])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with make_server(
        "127.0.0.1", arguments.port, application, ThreadingWSGIServer, _Quiet
    ) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
