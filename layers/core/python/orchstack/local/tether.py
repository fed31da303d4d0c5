"""Becomes another program that the kernel ends as soon as this one's parent is gone.

Run as a script: `tether.py <parent pid> <signal> <user id> <program> [argument…]`; a user id of 0
keeps the user. Only Linux ties the lives; elsewhere the program is merely started.
"""

from __future__ import annotations

import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Drop the privileges, tie the life to the parent's, and become the program."""
    parent, signal_number, user = (int(argument) for argument in sys.argv[1:4])
    if user:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    if sys.platform == "linux":
        # After the change of user, which clears it; hence `ctypes` is loaded before.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            sys.exit("the parent ended before its child began")
    os.execv(sys.argv[4], sys.argv[4:])  # noqa: S606 - the program is ours, there is no shell


if __name__ == "__main__":
    main()
