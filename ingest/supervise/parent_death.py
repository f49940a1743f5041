"""Run a program that cannot outlive the process that asked for it.

``python -I -S tether.py PARENT PROGRAM [ARGUMENT…]`` becomes PROGRAM, after asking the kernel to kill it as
soon as the process PARENT is gone, however that ended. The request survives ``execve`` and costs the program
nothing; making it here, in a process of its own, keeps Python code out of the moment between ``fork`` and
``execve`` of a parent that has threads. It imports nothing of ours, because it is run by its path.

Only Linux has this (``prctl(2)``, PR_SET_PDEATHSIG). It watches the *thread* that started us, so that thread
has to live as long as the parent.
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
        wish = (ctypes.c_int(_PR_SET_PDEATHSIG), ctypes.c_ulong(signal.SIGKILL))
        if ctypes.CDLL(None).prctl(*wish) != 0:
            raise SystemExit("tether: the kernel refuses to tie us to our parent")
    if os.getppid() != parent:  # it died before the request was made
        raise SystemExit(f"tether: process {parent} is gone")
    try:
        os.execvp(program[0], program)  # noqa: S606 - becoming that program is what this is for
    except OSError as error:
        raise SystemExit(f"{program[0]}: {error.strerror}") from None


if __name__ == "__main__":
    main()
