"""The command ``ingest``: the only package that reads the environment, prints and exits."""

from ingest.cli.entrypoint import main, root

__all__ = ["main", "root"]
