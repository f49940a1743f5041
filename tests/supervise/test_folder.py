"""One process tree to a data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ingest.db.embedded import lock_data_dir
from ingest.errors import Refused

HOLDS = """
import sys, time
from pathlib import Path
from ingest.db.embedded import lock_data_dir
with lock_data_dir(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_tree_on_a_folder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path / "new"):
        holder = rf"INGEST_DATA_DIR: .* no other `ingest up` uses \(process {os.getpid()} does\)"
        with pytest.raises(Refused, match=holder), lock_data_dir(tmp_path / "new"):
            pass
    with lock_data_dir(tmp_path / "new"):
        pass


def test_trees_on_different_folders_do_not_meet(tmp_path: Path) -> None:
    with lock_data_dir(tmp_path / "one"), lock_data_dir(tmp_path / "two"):
        pass


def test_a_tree_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Refused, match=f"process {holder.pid}"), lock_data_dir(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with lock_data_dir(tmp_path):
            pass


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused, match="Not a directory"), lock_data_dir(tmp_path / "file" / "folder"):
        pass
