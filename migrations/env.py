"""Run by Alembic inside the transaction that ``ingest.db.migrate`` opened.

``alembic`` itself can be run from a checkout too (``alembic -c migrations/alembic.ini revision …``); it then
needs ``INGEST_DATABASE_URL``.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection

from ingest.db.engine import open_engine
from ingest.db.tables import metadata


def run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=False)
    with context.begin_transaction():
        context.run_migrations()


connection = context.config.attributes.get("connection")
if connection is not None:
    run(connection)
else:
    with open_engine(os.environ["INGEST_DATABASE_URL"]).begin() as opened:
        run(opened)
