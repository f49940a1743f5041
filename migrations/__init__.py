"""Alembic migrations of the article database; applied by ``ingest migrate`` (``ingest.db.migrate``)."""
