"""Filters of system calls (seccomp), as programs for the kernel.

One program allows a few calls and refuses all others, for a process that only computes. The other
refuses what no method needs and allows the rest, for programs that are not ours.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
import sys
from collections.abc import Callable, Iterable, Mapping

__all__ = ["Numbers", "allow_only", "install_filter", "refuse_dangerous"]

Numbers = Mapping[str, tuple[int | None, int | None]]
"""System calls by name, with their numbers on x86-64 and ARM; None: it does not exist there."""

_Step = tuple[int, int, int, int]

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 22, 38
_SECCOMP_MODE_FILTER = 2
_LOAD_WORD, _RETURN = 0x20, 0x06
_JUMP_EQUAL, _JUMP_ABOVE, _JUMP_ANY_BIT = 0x15, 0x25, 0x45
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16
_ALLOW, _FAIL = 0x7FFF0000, 0x00050000
"""`_FAIL` is added to the error number that the call returns."""
_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}

_REFUSED: Numbers = {
    # Another view of the disk.
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "fanotify_init": (300, 262),
    # Files by a handle, past the folders that lead to them.
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # Namespaces: in a new one a process has all capabilities.
    "unshare": (272, 97),
    "setns": (308, 268),
    # Memory, registers and descriptors of other processes.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    # Keys are kept by user, not by namespace.
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    # Large parts of the kernel with a record of faults.
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "modify_ldt": (154, None),
    # The machine itself.
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
}
"""What fails with EPERM, by reason."""

_MISSING: Numbers = {
    # Its flags are in memory, where no filter can read them; libraries then use `clone`.
    "clone3": (435, 435),
    # It carries out other calls past the filter.
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    # Memory that belongs to no process, or stays when a process gives it back: no way to count it.
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "vmsplice": (278, 75),
    "shmget": (29, 194),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
}
"""What fails with ENOSYS, as on a kernel without it: programs then use something else."""

_LAST_KNOWN = 462
"""`mseal`. Calls with larger numbers came later and may do anything, so they fail with ENOSYS."""

_CLONE, _IOCTL, _PRCTL, _SOCKET = (56, 220), (16, 29), (157, 167), (41, 198)
_SOCKET_PAIR, _CONTROL_FILE = (53, 199), (72, 25)
_MAP = (9, 222)
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_NEW_NAMESPACE, _THREAD, _SAME_FILES = 0x7E020000, 0x00010000, 0x00000400
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_PR_SET_DUMPABLE = 4
_F_SETPIPE_SZ = 1031
_FAMILIES = (1, 2, 10, 16)
"""Unix, IPv4, IPv6 and netlink. The network namespace does not confine all others (vsock)."""
_PROTOCOLS = (0, 1, 6, 17)
"""The default of a family, PF_UNIX or ICMP, TCP and UDP. The buffers of others are not counted."""


def allow_only(calls: Numbers) -> bytes:
    """Return a program that refuses all calls but these; empty where there is no filter."""
    return _program(lambda column: _allowing(_numbers(calls, column)))


def refuse_dangerous() -> bytes:
    """Return a program for programs of strangers; empty where there is no filter.

    It refuses what leads out of a sandbox, what reaches much of the kernel, and what takes memory
    that belongs to no process.
    """
    return _program(_refusing)


def install_filter(program: bytes) -> None:
    """Apply a program to this thread and all that it starts; an empty one changes nothing."""
    if program:
        code = ctypes.create_string_buffer(program)
        head = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(head), 0, 0)


def _program(steps_of: Callable[[int], list[_Step]]) -> bytes:
    if sys.platform != "linux" or platform.machine() not in _ARCHITECTURES:
        return b""
    architecture, column = _ARCHITECTURES[platform.machine()]
    steps = [
        (_LOAD_WORD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _FAIL + errno.EPERM),
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
        *steps_of(column),
    ]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _numbers(calls: Numbers, column: int) -> list[int]:
    return [number for both in calls.values() if (number := both[column]) is not None]


def _allowing(numbers: list[int]) -> list[_Step]:
    steps = [step for number in numbers for step in _when(_JUMP_EQUAL, number, _ALLOW)]
    return [*steps, (_RETURN, 0, 0, _FAIL + errno.EPERM)]


def _refusing(column: int) -> list[_Step]:
    steps = _when(_JUMP_ABOVE, _LAST_KNOWN, _FAIL + errno.ENOSYS)
    for calls, code in ((_REFUSED, errno.EPERM), (_MISSING, errno.ENOSYS)):
        for number in _numbers(calls, column):
            steps += _when(_JUMP_EQUAL, number, _FAIL + code)
    refused = _FAIL + errno.EPERM
    # Open files of a thread alone are in no list of the process.
    thread = [(_JUMP_ANY_BIT, 0, 2, _THREAD), (_JUMP_ANY_BIT, 1, 0, _SAME_FILES)]
    thread += [(_RETURN, 0, 0, refused)]
    new = _when(_JUMP_ANY_BIT, _NEW_NAMESPACE, refused)
    steps += _argument(_CLONE[column], 0, [*new, *thread])
    # It writes to a terminal as if the user typed.
    typing = [
        step for value in (_TIOCSTI, _TIOCLINUX) for step in _when(_JUMP_EQUAL, value, refused)
    ]
    steps += _argument(_IOCTL[column], 1, typing)
    # It would hide the descriptors of the process from the one that counts them.
    steps += _argument(_PRCTL[column], 0, _when(_JUMP_EQUAL, _PR_SET_DUMPABLE, refused))
    steps += _argument(_SOCKET[column], 0, _unless(_FAMILIES, refused))
    steps += _argument(_SOCKET[column], 2, _unless(_PROTOCOLS, refused))
    steps += _argument(_SOCKET_PAIR[column], 0, _unless(_FAMILIES[:1], refused))
    steps += _argument(_CONTROL_FILE[column], 1, _when(_JUMP_EQUAL, _F_SETPIPE_SZ, refused))
    # Shared memory without a file outlives its mapping; /dev/shm has files.
    shared = [(_JUMP_ANY_BIT, 0, 2, _MAP_ANONYMOUS), *_when(_JUMP_ANY_BIT, _MAP_SHARED, refused)]
    steps += _argument(_MAP[column], 3, shared)
    return [*steps, (_RETURN, 0, 0, _ALLOW)]


def _when(test: int, value: int, answer: int) -> list[_Step]:
    return [(test, 0, 1, value), (_RETURN, 0, 0, answer)]


def _unless(values: Iterable[int], answer: int) -> list[_Step]:
    known = list(values)
    steps = [(_JUMP_EQUAL, len(known) - n, 0, value) for n, value in enumerate(known)]
    return [*steps, (_RETURN, 0, 0, answer)]


def _argument(call: int, index: int, steps: list[_Step]) -> list[_Step]:
    """Return the steps of one call, about the low word of an argument; all the others pass by."""
    return [
        (_JUMP_EQUAL, 0, len(steps) + 2, call),
        (_LOAD_WORD, 0, 0, _ARGUMENTS_AT + 8 * index),
        *steps,
        (_LOAD_WORD, 0, 0, _NUMBER_AT),
    ]
