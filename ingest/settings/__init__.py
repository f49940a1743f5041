"""Configuration: one frozen object from an optional TOML file and ``INGEST_…`` variables, which take precedence.

Only ``cli`` calls :func:`read_settings`; lower layers receive the values that they need. The metadata of each field
states its meaning; ``ingest settings`` prints it.

::

    declarations   the settings: default, reader, accepted values, meaning
    readers        text to value
    reading        file and variables to settings, and back to text
"""

from ingest.settings.declarations import Settings
from ingest.settings.sources import (
    NOT_SETTINGS,
    PREFIX,
    environment_name,
    format_setting,
    parse_path,
    parse_spacing,
    read_settings,
)

__all__ = [
    "NOT_SETTINGS",
    "PREFIX",
    "Settings",
    "environment_name",
    "format_setting",
    "parse_path",
    "parse_spacing",
    "read_settings",
]
