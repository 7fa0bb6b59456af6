"""System calls that Python does not wrap, by ctypes; runs in the jail, on Python 3.8 and later."""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH112, UP031
from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
NAMESPACES = NEWNS | NEWCGROUP | NEWUTS | NEWIPC | NEWUSER | NEWPID | NEWNET | 0x80

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV = 1, 2, 4

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_SECUREBITS, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 28, 36, 38

# x86-64 and arm64 share every number from 424 on.
_COMMON = {
    "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "pidfd_open": 434, "clone3": 435, "close_range": 436, "pidfd_getfd": 438,
    "mount_setattr": 442, "quotactl_fd": 443, "landlock_create_ruleset": 444,
    "landlock_add_rule": 445, "landlock_restrict_self": 446,
    "io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427,
}  # fmt: skip
_X86_64 = {
    "clone": 56, "socket": 41, "pivot_root": 155, "capset": 126, "mount": 165, "umount2": 166,
    "chroot": 161, "unshare": 272, "setns": 308, "ptrace": 101, "process_vm_readv": 310,
    "process_vm_writev": 311, "kcmp": 312, "bpf": 321, "perf_event_open": 298, "add_key": 248,
    "request_key": 249, "keyctl": 250, "init_module": 175, "finit_module": 313,
    "delete_module": 176, "kexec_load": 246, "kexec_file_load": 320, "reboot": 169,
    "swapon": 167, "swapoff": 168, "open_by_handle_at": 304, "userfaultfd": 323,
    "quotactl": 179, "acct": 163, "settimeofday": 164, "clock_settime": 227, "adjtimex": 159,
    "clock_adjtime": 305, "iopl": 172, "ioperm": 173, "syslog": 103, "sethostname": 170,
    "setdomainname": 171, "vhangup": 153, "lookup_dcookie": 212, "mbind": 237,
    "move_pages": 279, "migrate_pages": 256, "nfsservctl": 180, "uselib": 134, "modify_ldt": 154,
}  # fmt: skip
_ARM64 = {
    "clone": 220, "socket": 198, "pivot_root": 41, "capset": 91, "mount": 40, "umount2": 39,
    "chroot": 51, "unshare": 97, "setns": 268, "ptrace": 117, "process_vm_readv": 270,
    "process_vm_writev": 271, "kcmp": 272, "bpf": 280, "perf_event_open": 241, "add_key": 217,
    "request_key": 218, "keyctl": 219, "init_module": 105, "finit_module": 273,
    "delete_module": 106, "kexec_load": 104, "kexec_file_load": 294, "reboot": 142,
    "swapon": 224, "swapoff": 225, "open_by_handle_at": 265, "userfaultfd": 282,
    "quotactl": 60, "acct": 89, "settimeofday": 170, "clock_settime": 112, "adjtimex": 171,
    "clock_adjtime": 266, "syslog": 116, "sethostname": 161, "setdomainname": 162,
    "vhangup": 58, "lookup_dcookie": 18, "mbind": 235, "move_pages": 239, "migrate_pages": 238,
    "nfsservctl": 42,
}  # fmt: skip
_MACHINE = platform.machine()
_AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}.get(_MACHINE, 0)
NUMBERS = dict(_COMMON, **(_X86_64 if _MACHINE == "x86_64" else _ARM64))

_REFUSED_FAMILIES = (15, 17, 21, 29, 30, 31, 38, 40, 44)  # key, packet, rds, can, tipc, ..., vsock


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, what + ": " + os.strerror(number))
    return int(result)


def syscall(name: str, *args: object) -> int:
    """Make the system call; raises OSError naming it."""
    converted = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    return _check(_libc.syscall(ctypes.c_long(NUMBERS[name]), *converted), name)


def prctl(option: int, argument: int = 0) -> None:
    """prctl(2) with one argument."""
    _check(_libc.prctl(option, ctypes.c_ulong(argument), 0, 0, 0), "prctl %d" % option)


def unshare(flags: int) -> None:
    """unshare(2)."""
    _check(_libc.unshare(flags), "unshare %#x" % flags)


def setns(fd: int, kind: int) -> None:
    """setns(2)."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode() or None,
        ctypes.c_ulong(flags), data.encode() or None,
    )  # fmt: skip
    _check(result, "mount %s on %s" % (source, target))


def bind(source: str, target: str, *, recursive: bool = False) -> None:
    """Bind `source` (a file or a directory) at `target`, which exists; read-only, nosuid, nodev."""
    mount(source, target, flags=MS_BIND | (MS_REC if recursive else 0))
    protect(target, ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV, recursive=recursive)


def protect(target: str, attributes: int, *, recursive: bool = False) -> None:
    """Add mount attributes without losing those that are locked (mount_setattr, Linux 5.12)."""
    attr = struct.pack("=QQQQ", attributes, 0, 0, 0)
    syscall("mount_setattr", -100, target.encode(), 0x8000 if recursive else 0, attr, len(attr))


def pivot(new_root: str) -> None:
    """Make `new_root` (a mount) the root and let go of the old one."""
    os.chdir(new_root)
    syscall("pivot_root", b".", b".")
    _check(_libc.umount2(b".", MNT_DETACH), "umount2 of the old root")
    os.chdir("/")


def close_from(first: int) -> None:
    """Close every descriptor from `first` on."""
    try:
        syscall("close_range", first, 0xFFFFFFFF, 0)
    except OSError:
        os.closerange(first, 65536)


def pidfd_open(pid: int) -> int:
    """A descriptor of a process."""
    return syscall("pidfd_open", pid, 0)


def die_with_parent() -> None:
    """Be killed when the parent dies."""
    prctl(PR_SET_PDEATHSIG, 9)


def become(uid: int, gid: int) -> None:
    """Leave root's identity; the process stays readable to itself."""
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    prctl(PR_SET_DUMPABLE, 1)


def drop_privileges(kept: tuple[int, ...] = ()) -> None:
    """Give up every capability but those `kept`, for good, and the means of regaining any."""
    try:
        prctl(PR_SET_SECUREBITS, 0x2F)  # noroot, no setuid fixup, both locked, keep-caps locked
        for capability in range(64):
            prctl(PR_CAPBSET_DROP, capability)
    except OSError as error:  # EINVAL: beyond the last one; EPERM: no namespace of our own
        if error.errno not in (errno.EINVAL, errno.EPERM):
            raise
    mask = sum(1 << capability for capability in kept)
    header = struct.pack("=Ii", 0x20080522, 0)
    syscall("capset", header, struct.pack("=6I", mask, mask, 0, 0, 0, 0))
    prctl(PR_SET_NO_NEW_PRIVS, 1)


# --- Landlock -----------------------------------------------------------------------------------
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read file, read directory
_LAST_FS_BIT = {1: 13, 2: 14, 3: 15, 4: 15}  # by ABI; from 5 on: 16


def landlock_abi() -> int:
    """The Landlock version of this kernel, 0 without it."""
    try:
        return syscall("landlock_create_ruleset", None, 0, 1)
    except OSError:
        return 0


def landlock(readable: list[str], writable: list[str], devices: list[str]) -> None:
    """Forbid all of the file system but these trees; scope signals and abstract sockets."""
    abi = landlock_abi()
    if not abi:
        return
    everything = (1 << _LAST_FS_BIT.get(abi, 16)) - 1
    attributes = struct.pack("=Q", everything)
    if abi >= 4:
        attributes += struct.pack("=Q", 0)
    if abi >= 6:
        attributes += struct.pack("=Q", 3)
    ruleset = syscall("landlock_create_ruleset", attributes, len(attributes), 0)
    on_devices = everything & (_READ | 1 << 1 | 1 << 14 | 1 << 15)
    rules = [(p, _READ) for p in readable] + [(p, everything) for p in writable]
    for path, allowed in rules + [(p, on_devices) for p in devices]:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        if not os.path.isdir(path):  # a rule on a file may not name rights of directories
            allowed &= 1 << 0 | 1 << 1 | 1 << 2 | 1 << 14 | 1 << 15
        syscall("landlock_add_rule", ruleset, 1, struct.pack("=Qi", allowed, fd), 0)
        os.close(fd)
    syscall("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)


# --- seccomp ------------------------------------------------------------------------------------
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_CONDITIONAL = ("clone", "clone3", "socket")
_OPEN_FOR_THE_PLATFORM = (
    "close_range", "pidfd_open", "capset", "landlock_create_ruleset", "landlock_add_rule",
    "landlock_restrict_self",
)  # fmt: skip


def _filter(allowed: tuple[str, ...] = ()) -> bytes:
    """A BPF program: this machine's own call numbers only, and none of the refused ones."""
    load, equal, at_least, any_bit, leave = 0x20, 0x15, 0x35, 0x45, 0x06
    out: list[tuple[int, int, int, int]] = [
        (load, 0, 0, 4), (equal, 1, 0, _AUDIT_ARCH), (leave, 0, 0, _ERRNO | errno.EPERM),
        (load, 0, 0, 0),
    ]  # fmt: skip
    if _MACHINE == "x86_64":  # the x32 variants of the same calls
        out += [(at_least, 0, 1, 0x40000000), (leave, 0, 0, _ERRNO | errno.ENOSYS)]
    for name, number in sorted(NUMBERS.items(), key=lambda item: item[1]):
        if name in _CONDITIONAL or name in _OPEN_FOR_THE_PLATFORM or name in allowed:
            continue
        missing = name.startswith("io_uring")
        refusal = _ERRNO | (errno.ENOSYS if missing else errno.EPERM)
        out += [(equal, 0, 1, number), (leave, 0, 0, refusal)]
    # Its flags are in memory, which a filter cannot read; libraries fall back to clone.
    out += [(equal, 0, 1, NUMBERS["clone3"]), (leave, 0, 0, _ERRNO | errno.ENOSYS)]
    out += [
        (equal, 0, 4, NUMBERS["clone"]), (load, 0, 0, 16),
        (any_bit, 0, 1, NAMESPACES & ~0x80), (leave, 0, 0, _ERRNO | errno.EPERM),
        (leave, 0, 0, _ALLOW),
    ]  # fmt: skip
    families: list[tuple[int, int, int, int]] = []
    for family in _REFUSED_FAMILIES:
        families += [(equal, 0, 1, family), (leave, 0, 0, _ERRNO | errno.EAFNOSUPPORT)]
    out += [(equal, 0, len(families) + 1, NUMBERS["socket"]), (load, 0, 0, 16)]
    out += [*families, (leave, 0, 0, _ALLOW)]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in out)


_program = _filter() if _AUDIT_ARCH else b""


def seccomp(allowed: tuple[str, ...] = ()) -> None:
    """Refuse the calls that reach for the kernel or out of the sandbox, but those `allowed`.
    Needs NO_NEW_PRIVS.
    """
    if not _program:
        return
    program = _filter(allowed) if allowed else _program
    buffer = ctypes.create_string_buffer(program)
    fprog = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    argument = ctypes.create_string_buffer(fprog)
    _check(_libc.prctl(PR_SET_SECCOMP, 2, argument, 0, 0), "seccomp")
