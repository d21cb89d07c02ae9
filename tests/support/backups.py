"""A database put back as it was: a copy made at one moment, used in place of the one that went on."""

from uuid import uuid4

import asyncpg

from tests.support.servers import Databases


async def copy_of(databases: Databases, dsn: str) -> str:
    """Everything a database holds now, nobody being connected to it; answers the same role's address of the copy."""
    address, name = dsn.rsplit("/", 1)
    user = address.split("//")[1].split("@", maxsplit=1)[0].split(":", maxsplit=1)[0]
    copied = f"{user}_{uuid4().hex[:8]}"
    admin = await asyncpg.connect(databases.dsn("postgres", databases.admin))
    try:
        await admin.execute(f'create database "{copied}" template "{name}" owner "{user}_owner"')
    finally:
        await admin.close()
    return databases.dsn(copied, user)


def owner_of(databases: Databases, dsn: str) -> str:
    """The address of the role that owns its tables."""
    address, name = dsn.rsplit("/", 1)
    user = address.split("//")[1].split("@", maxsplit=1)[0].split(":", maxsplit=1)[0]
    return databases.dsn(name, f"{user}_owner")
