"""Plain SQL files, each applied once, in order, under a lock; a file changed after it was applied stops the start."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import asyncpg

_LOCK = 0x0DA7A_C10D
_STORE = Path(__file__).parent / "sql"
_LEDGER = """
create table if not exists migrations (
    name text not null primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())
"""


class ChangedMigration(Exception):  # noqa: N818 - what happened, for the operator's log
    """A migration file is not what was applied, or one that was applied is gone."""


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    text: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def files_of(service: str, root: Path) -> list[_File]:
    """The store's files, then the service's own (`services/<service>/sql`), each in the order of their names."""
    own = sorted((root / "services" / service / "sql").glob("[0-9]*.sql"))
    return [
        _File(f"{part}/{path.name}", path.read_text(encoding="utf-8"))
        for part, paths in (("store", sorted(_STORE.glob("[0-9]*.sql"))), (service, own))
        for path in paths
    ]


async def migrate(owner_dsn: str, service: str, *, root: Path, dry_run: bool = False) -> list[str]:
    """Apply what is missing and grant the login role `<service>` what it needs; answers the names applied.

    Safe to run from several places at once. Raises ChangedMigration when history was rewritten.
    """
    connection = await asyncpg.connect(owner_dsn, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("select pg_advisory_xact_lock($1)", _LOCK)
            await connection.execute(_LEDGER)
            rows = await connection.fetch("select name, checksum from migrations")
            applied = {row["name"]: row["checksum"] for row in rows}
            missing = _missing(files_of(service, root), applied)
            if dry_run:
                return [file.name for file in missing]
            for file in missing:
                await connection.execute(file.text)
                await connection.execute(
                    "insert into migrations (name, checksum) values ($1, $2)",
                    file.name,
                    file.checksum,
                )
            grants = (_STORE / "grants.sql").read_text(encoding="utf-8")
            await connection.execute(grants.replace("{role}", f'"{service}"'))
            return [file.name for file in missing]
    finally:
        await connection.close()


def _missing(files: list[_File], applied: dict[str, str]) -> list[_File]:
    known = {file.name: file for file in files}
    for name, checksum in applied.items():
        if name not in known:
            message = f"{name} was applied to this database but is gone from the program"
            raise ChangedMigration(message)
        if known[name].checksum != checksum:
            message = f"{name} was changed after it was applied; write a new file instead"
            raise ChangedMigration(message)
    return [file for file in files if file.name not in applied]
