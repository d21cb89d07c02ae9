"""Run a command that ends when its parent does, even if the parent is killed: prctl(PR_SET_PDEATHSIG), then exec.

`python die_with_parent.py SIGNAL COMMAND …`. A script of its own, because entering a user namespace clears the
signal: this runs after `unshare`.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace this process by the command."""
    number, command = int(sys.argv[1]), sys.argv[2:]
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, number, 0, 0, 0)
        if os.getppid() != parent:  # it died while we were starting
            sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the command is our caller's


if __name__ == "__main__":
    main()
