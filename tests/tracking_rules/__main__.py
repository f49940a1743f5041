"""``./run tracking-rules FOLDER``: write the rules file anew from the lists below a folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from tests.tracking_rules.compile import compile_rules
from tests.tracking_rules.sources import SOURCES

RULES: Final = Path(__file__).resolve().parents[2] / "ingest/urls/tracking_rules.txt"


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run tracking-rules", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder with the files of the lists, at any depth")
    folder: Path = parser.parse_args().folder
    texts: dict[str, str] = {}
    for source in SOURCES:
        paths = sorted(folder.rglob(source.file))
        if len(paths) != 1:
            print(
                f"{folder}: {len(paths)} files {source.file}; one is needed, from {source.address}",
                file=sys.stderr,
            )
            return 1
        texts[source.file] = paths[0].read_text("utf-8")
    RULES.write_text(compile_rules(texts), "utf-8")
    print(f"{RULES}: {RULES.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
