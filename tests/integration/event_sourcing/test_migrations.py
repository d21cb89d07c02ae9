"""Each SQL file is applied once, whoever asks, however often, and a changed past stops the start."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from shared.event_sourcing.migrations import ChangedMigration, migrate
from shared.operations.stack import ROOT
from tests.support.servers import Databases


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program with a service of its own files."""
    sql = tmp_path / "services" / "complaints" / "sql"
    sql.mkdir(parents=True)
    own = ROOT / "services" / "complaints" / "sql" / "001_views.sql"
    (sql / "001_views.sql").write_text(own.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def file(program: Path, name: str, text: str) -> None:
    (program / "services" / "complaints" / "sql" / name).write_text(text, encoding="utf-8")


async def test_a_second_run_finds_nothing_to_do(owner_dsn: str, program: Path) -> None:
    assert await migrate(owner_dsn, "complaints", root=program) == []


async def test_a_new_file_is_applied_once_even_when_many_start_at_once(
    owner_dsn: str, program: Path
) -> None:
    file(program, "002_more.sql", "create table more (id integer primary key)")
    runs = await asyncio.gather(*(migrate(owner_dsn, "complaints", root=program) for _ in range(5)))
    assert sorted(map(len, runs)) == [0, 0, 0, 0, 1]
    assert ["complaints/002_more.sql"] in runs


async def test_a_dry_run_names_what_is_missing_and_applies_nothing(
    owner_dsn: str, program: Path
) -> None:
    file(program, "002_more.sql", "create table more (id integer primary key)")
    named = await migrate(owner_dsn, "complaints", root=program, dry_run=True)
    assert (
        named == ["complaints/002_more.sql"] == await migrate(owner_dsn, "complaints", root=program)
    )


async def test_a_file_changed_after_it_was_applied_stops_the_start(
    owner_dsn: str, program: Path
) -> None:
    file(program, "001_views.sql", "-- changed")
    with pytest.raises(ChangedMigration, match=r"001_views\.sql was changed"):
        await migrate(owner_dsn, "complaints", root=program)


async def test_a_file_that_is_gone_stops_the_start(owner_dsn: str, program: Path) -> None:
    (program / "services" / "complaints" / "sql" / "001_views.sql").unlink()
    with pytest.raises(ChangedMigration, match="gone from the program"):
        await migrate(owner_dsn, "complaints", root=program)


async def test_a_file_that_fails_leaves_nothing_of_itself(owner_dsn: str, program: Path) -> None:
    file(program, "002_broken.sql", "create table half (id integer); select no_such_function()")
    with pytest.raises(asyncpg.UndefinedFunctionError):
        await migrate(owner_dsn, "complaints", root=program)
    owner = await asyncpg.connect(owner_dsn)
    assert await owner.fetchval("select to_regclass('half')") is None
    await owner.close()


async def test_a_new_table_may_be_used_by_the_service_at_once(
    databases: Databases, dsn: str, owner_dsn: str, program: Path
) -> None:
    file(program, "002_more.sql", "create table more (id integer primary key)")
    await migrate(owner_dsn, "complaints", root=program)
    service = await asyncpg.connect(dsn)
    await service.execute("insert into more values (1)")
    await service.close()
    assert databases.port
