"""Launcher of a program that the kernel kills when its parent process dies.

``python -I -S parent_death.py PARENT PROGRAM [ARGUMENT…]`` requests SIGKILL for the death of the process PARENT, and
then replaces itself with PROGRAM. The request survives ``execve`` and costs the program nothing. Making it in this
separate process avoids Python code between ``fork`` and ``execve`` of a parent that has threads. The module imports
nothing of ``ingest``, because it is run by its path.

Only Linux supports this (``prctl(2)``, PR_SET_PDEATHSIG). The kernel watches the parent's *thread* that started this
process, so that thread must live as long as the parent.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = int(sys.argv[1])
    program = sys.argv[2:]
    if sys.platform == "linux":
        request = (ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))
        if ctypes.CDLL(None).prctl(*request) != 0:
            raise SystemExit("parent_death: the kernel refused PR_SET_PDEATHSIG")
    if os.getppid() != parent:  # the parent died before the request
        raise SystemExit(f"parent_death: process {parent} is gone")
    try:
        os.execvp(program[0], program)  # noqa: S606 - replacing this process is the purpose
    except OSError as error:
        raise SystemExit(f"{program[0]}: {error.strerror}") from None


if __name__ == "__main__":
    main()
