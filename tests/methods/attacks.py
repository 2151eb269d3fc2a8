"""Hostile methods, and a program that runs each as a cell beside a good one.

Run as `python -m tests.methods.attacks PUBLIC VICTIM ISOLATION NAME...`; prints, as JSON, how each
cell ended, and the memory that the organiser's process took meanwhile.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path

_LIMIT_S = 80
"""Of a cell; on a busy machine an attack on memory took more than 40 s."""

ATTACKS = '''
import ctypes, fcntl, json, os, socket, stat, subprocess, sys, time
from pathlib import Path

HOME = Path(os.environ["HOME"])
VICTIM = Path({victim!r})
TOO_LONG = {too_long}
GOOD_RESULT = {{
    "details": {{}}, "summary": "", "fit_s": 0.1, "predict_s": 0.1, "cpu_s": 0.1, "peak_mb": 1
}}


class Good:
    def fit(self, train, task):
        self.task = task

    def predict(self, test):
        return test[["id"]].assign(label=self.task.classes[0])


def end_well():
    """Leave as if all had been done, without the package's own answer."""
    (HOME / "result.json").write_text(json.dumps(GOOD_RESULT))
    os._exit(0)


class LogIsALink(Good):
    def __init__(self):
        (HOME / "log.txt").symlink_to(VICTIM)
        print("owned by a method", file=sys.stderr)


class PredictionsAreALink(Good):
    def __init__(self):
        (HOME / "predictions.parquet").symlink_to(VICTIM)
        end_well()


class PredictionsHaveTwoNames(Good):
    def __init__(self):
        try:
            os.link(VICTIM, HOME / "predictions.parquet")
        except OSError:
            (HOME / "other").write_bytes(b"x")
            os.link(HOME / "other", HOME / "predictions.parquet")
        end_well()


class ResultIsALink(Good):
    def __init__(self):
        (HOME / "result.json").symlink_to(VICTIM)
        os._exit(0)


class FaultIsALink(Good):
    def __init__(self):
        (HOME / "fault.json").symlink_to(VICTIM)
        os._exit(1)


class FaultIsAPipe(Good):
    def __init__(self):
        os.mkfifo(HOME / "fault.json")
        os._exit(1)


class PredictionsAreAPipe(Good):
    def __init__(self):
        os.mkfifo(HOME / "predictions.parquet")
        end_well()


class PredictionsAreASocket(Good):
    def __init__(self):
        os.chdir(HOME)
        socket.socket(socket.AF_UNIX).bind("predictions.parquet")
        end_well()


class ResultIsHuge(Good):
    def __init__(self):
        with (HOME / "result.json").open("wb") as file:
            file.truncate(200 << 20)
        os._exit(0)


class ResultIsForged(Good):
    def __init__(self):
        (HOME / "predictions.parquet").write_bytes(b"PAR1")
        (HOME / "result.json").write_text('{{"details": {{"a": 1e999}}, "summary": "\\\\ud800"}}')
        os._exit(0)


class FaultIsForged(Good):
    def __init__(self):
        (HOME / "fault.json").write_text(json.dumps({{"kind": [], "faults": 7}}))
        os._exit(1)


class ResultIsAFolder(Good):
    def __init__(self):
        (HOME / "result.json").mkdir()
        os._exit(0)


class FaultIsAFolder(Good):
    def __init__(self):
        (HOME / "fault.json").mkdir()
        os._exit(1)


class PredictionsArePublic(Good):
    def __init__(self):
        public = Path(json.loads((HOME / "request.json").read_text())["public"])
        os.link(public / "train.parquet", HOME / "predictions.parquet")
        end_well()


class PredictionsAreADevice(Good):
    def __init__(self):
        os.mknod(HOME / "predictions.parquet", stat.S_IFCHR | 0o666, os.makedev(1, 5))
        end_well()


class PredictionsAreSparse(Good):
    def __init__(self):
        with (HOME / "predictions.parquet").open("wb") as f:
            f.truncate(250 << 20)
        end_well()


class ResultIsDeep(Good):
    def __init__(self):
        (HOME / "predictions.parquet").write_bytes(b"PAR1")
        (HOME / "result.json").write_text('{{"details": ' + "[" * 10000 + "]" * 10000 + "}}")
        os._exit(0)


class ResultIsTruncated(Good):
    def __init__(self):
        (HOME / "predictions.parquet").write_bytes(b"PAR1")
        (HOME / "result.json").write_text(json.dumps(GOOD_RESULT)[:-9])
        os._exit(0)


class NamesAreLines(Good):
    def __init__(self):
        for n in range(500):
            (HOME / ("a\\\\n" + chr(27) + "[2J" + str(n))).touch()
        raise ValueError("x\\\\n  fix: send us money" + chr(27) + "[2J")


class DisksInMemoryHidden(Good):
    """A file of a disk in memory, mapped by one page, closed and without a name."""
    def __init__(self):
        import mmap
        self.kept = []
        for n in range(2):
            for folder in ("/tmp", "/dev/shm"):
                try:
                    f = open(folder + "/x" + str(n), "w+b")
                    f.write(b"x" * (120 << 20))
                    f.flush()
                    self.kept.append(mmap.mmap(f.fileno(), 4096))
                    os.unlink(folder + "/x" + str(n))
                    f.close()
                except OSError:
                    pass
        self.kept.append(b"x" * (450 << 20))
        time.sleep(TOO_LONG)


class FolderIsReplaced(Good):
    def __init__(self):
        os.rename(HOME, str(HOME) + "-moved")
        os.symlink(VICTIM.parent, HOME)
        os._exit(0)


class FoldersAreClosedAndDeep(Good):
    def __init__(self):
        (HOME / "closed").mkdir()
        (HOME / "closed" / "mode").symlink_to(VICTIM)
        os.chmod(HOME / "closed", 0)
        os.chdir(HOME)
        for _ in range(2500):
            os.mkdir("d")
            os.chdir("d")
        os._exit(0)


class ProgressWithoutEnd(Good):
    def __init__(self):
        piece = b"x" * (1 << 20)
        while True:
            for descriptor in range(3, 12):
                if stat.S_ISFIFO(mode_of(descriptor)):
                    try:
                        os.write(descriptor, piece)
                    except OSError:
                        pass


class FilesInMemory(Good):
    def __init__(self):
        for _ in range(8):
            descriptor = os.memfd_create("x")
            for _ in range(200):
                os.write(descriptor, b"x" * (1 << 20))
        time.sleep(TOO_LONG)


class DisksInMemory(Good):
    """Two disks that are memory, one by files without a name, and memory of its own."""

    def __init__(self):
        self.kept = []
        for folder in ("/tmp", "/dev/shm"):
            for index in range(50):
                try:
                    self.kept.append(open(folder + "/" + str(index), "wb"))
                    self.kept[-1].write(b"x" * (10 << 20))
                    self.kept[-1].flush()
                    if folder == "/tmp":
                        os.unlink(folder + "/" + str(index))
                except OSError:
                    break
        self.kept.append(b"x" * (450 << 20))
        time.sleep(TOO_LONG)


class SharedMemory(Good):
    """Memory that stays when all but one page of it is given back."""

    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.mmap.restype = ctypes.c_void_p
        for _ in range(8):
            size = 200 << 20
            start = libc.mmap(None, ctypes.c_size_t(size), 3, 0x21, -1, ctypes.c_long(0))
            if start == ctypes.c_void_p(-1).value:
                raise OSError(ctypes.get_errno(), "no shared memory")
            ctypes.memset(start, 1, size)
            libc.munmap(ctypes.c_void_p(start + 4096), ctypes.c_size_t(size - 4096))
        time.sleep(TOO_LONG)


class FirstThreadEnds(Good):
    """The other threads go on; the process then looks as if it had ended."""

    def __init__(self):
        import threading

        def hoard():
            time.sleep(0.5)
            self.kept = [b"x" * (100 << 20) for _ in range(12)]
            time.sleep(TOO_LONG)

        threading.Thread(target=hoard).start()
        numbers = {{"x86_64": 60, "aarch64": 93}}
        ctypes.CDLL(None).syscall(numbers[os.uname().machine], 0)


class NameIsNoText(Good):
    def __init__(self):
        ctypes.CDLL(None).prctl(15, b"\\xff) Z 1 1\\n", 0, 0, 0)
        time.sleep(1)


class SystemVMemory(Good):
    def __init__(self):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        for _ in range(8):
            number = libc.shmget(0, ctypes.c_size_t(200 << 20), 0o1600)
            if number < 0:
                raise OSError(ctypes.get_errno(), "no shared memory")
            start = libc.shmat(number, None, 0)
            ctypes.memset(start, 1, 200 << 20)
            libc.shmdt(ctypes.c_void_p(start))
        time.sleep(TOO_LONG)


class ManySockets(Good):
    """Buffers of the kernel, full of what nobody reads."""

    def __init__(self):
        self.kept = []
        for _ in range(1500):
            pair = socket.socketpair()
            pair[0].setblocking(False)
            self.kept.append(pair)
            try:
                while True:
                    pair[0].send(b"x" * 4096)
            except BlockingIOError:
                pass
        time.sleep(TOO_LONG)


class ManyPipes(Good):
    def __init__(self):
        self.kept = []
        for _ in range(12):
            if os.fork() == 0:
                break
        for _ in range(1900):
            self.kept.append(os.pipe())
            os.set_blocking(self.kept[-1][1], False)
            try:
                os.write(self.kept[-1][1], b"x" * 65536)
            except BlockingIOError:
                pass
        time.sleep(TOO_LONG)


class FullTcp(Good):
    """Buffers that the kernel enlarges to megabytes by itself."""

    def __init__(self):
        server = socket.create_server(("127.0.0.1", 0), backlog=500)
        self.kept = []
        for _ in range(400):
            self.kept.append(socket.create_connection(server.getsockname()))
            self.kept[-1].setblocking(False)
            try:
                while True:
                    self.kept[-1].send(b"x" * 65536)
            except BlockingIOError:
                pass
        time.sleep(TOO_LONG)


class SocketsInFlight(Good):
    """Full sockets that no process holds: they were sent and not received."""

    def __init__(self):
        self.kept = []
        for number in range(2000):
            if number % 50 == 0:
                self.kept.append(socket.socketpair())
            pair = socket.socketpair()
            pair[0].setblocking(False)
            try:
                while True:
                    pair[0].send(b"x" * 4096)
            except BlockingIOError:
                pass
            socket.send_fds(self.kept[-1][0], [b"x"], [one.fileno() for one in pair])
            for one in pair:
                one.close()
        time.sleep(TOO_LONG)


class ManyBytes(Good):
    def __init__(self):
        for index in range(6):
            with (HOME / str(index)).open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, 200 << 20)
        time.sleep(TOO_LONG)


class ManyBytesWithoutName(Good):
    def __init__(self):
        self.kept = []
        for index in range(6):
            self.kept.append((HOME / str(index)).open("wb"))
            os.posix_fallocate(self.kept[-1].fileno(), 0, 200 << 20)
            (HOME / str(index)).unlink()
        time.sleep(TOO_LONG)


class ManyProcesses(Good):
    """Not more than 1500: where no cap holds, they end by themselves."""

    def __init__(self):
        for _ in range(1500):
            try:
                subprocess.Popen(["sleep", "30"])
            except BlockingIOError:
                break
        time.sleep(TOO_LONG)


class Daemon(Good):
    """Two forks and a session of its own, as a service starts."""

    def __init__(self):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(15, b"{comm}", 0, 0, 0)
                for descriptor in range(100):
                    try:
                        os.close(descriptor)
                    except OSError:
                        pass
                time.sleep(300)
            os._exit(0)
        os.wait()
        time.sleep(0.5)


class Hidden(Good):
    """A process whose descriptors nobody but root may list."""

    def __init__(self):
        copy = HOME / "copy"
        copy.write_bytes(Path("/bin/sleep").read_bytes())
        copy.chmod(0o111)
        os.execv(copy, ["copy", str(TOO_LONG)])


class ManyFiles(Good):
    def __init__(self):
        for place in range(3000):
            (HOME / str(place)).touch()
        time.sleep(TOO_LONG)


class ManyThreads(Good):
    def __init__(self):
        import threading
        for _ in range(300):
            threading.Thread(target=time.sleep, args=(TOO_LONG,), daemon=True).start()
        time.sleep(TOO_LONG)


class LooksAround(Good):
    def __init__(self):
        libc = ctypes.CDLL(None)
        public = Path(json.loads((HOME / "request.json").read_text())["public"])
        try:
            # Below /tmp this is a disk of its own; outside nothing may appear.
            (public.parent / "new").write_text("x")
        except OSError:
            pass
        self.details = {{"escaped": [name for name, action in {{
            "remounted": lambda: libc.mount(None, str(public).encode(), None, 4096 | 32, None) == 0,
            "wrote to public": lambda: (public / "train.csv").write_text("x"),
            "read private": lambda: os.listdir(public.parent / "private"),
            "read the victim": lambda: VICTIM.read_bytes(),
            "wrote to /proc": lambda: os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY),
            "filled /dev/shm": lambda: Path("/dev/shm/x").write_bytes(b"x" * (300 << 20)),
            "filled /dev": lambda: Path("/dev/x").write_bytes(b"x"),
            "made a namespace": lambda: libc.unshare(0x10000000) == 0,
            "made an inner namespace": inner_namespace,
            "reached the host": lambda: socket.create_connection(("127.0.0.1", {port}), 2),
            "saw other processes": lambda: len([p for p in os.listdir("/proc") if p.isdigit()]) > 9,
            "kept capabilities": lambda: any(
                int(line.split()[1], 16)
                for line in Path("/proc/self/status").read_text().splitlines()
                if line.startswith(("CapEff", "CapPrm", "CapBnd", "CapAmb", "CapInh"))
            ),
            "found the victim by a process": lambda: [
                path for path in Path("/proc").glob("[0-9]*/root") if (
                    path / str(VICTIM).lstrip("/")
                ).exists()
            ],
            "reached an abstract socket": lambda: unix_socket("\\0challenge-{port}") or True,
            "inherited a descriptor": lambda: [
                link for link in map(link_of, range(3, 1000))
                if link and not link.startswith(("pipe:", "/dev/", "/proc/", str(HOME)))
            ],
            "typed into a terminal": lambda: typed(),
            "hid from the supervisor": lambda: libc.prctl(4, 0, 0, 0, 0) == 0,
            "enlarged a pipe": lambda: fcntl.fcntl(os.pipe()[0], 1031, 1 << 20),
            "opened MPTCP": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262),
            "changed a setting": lambda: Path("/proc/self/oom_score_adj").write_text("-1000"),
            "raised a limit": raised_limits,
        }}.items() if works(action)]}}
        for family in (38, 40, 17, 9):
            try:
                socket.socket(family, socket.SOCK_STREAM)
                self.details["escaped"].append("socket of family " + str(family))
            except PermissionError:
                pass
            except OSError as error:
                self.details["escaped"].append("socket of family " + str(family) + str(error))
        self.details["escaped"] += allowed_calls()


def allowed_calls():
    """Return the calls of the list that do not fail as the filter lets them fail."""
    from challenge.task import call_filter

    libc = ctypes.CDLL(None, use_errno=True)
    column = call_filter._ARCHITECTURES[os.uname().machine][1]
    found = []
    for calls, code in ((call_filter._REFUSED, 1), (call_filter._MISSING, 38)):
        for name, numbers in calls.items():
            ctypes.set_errno(0)
            if numbers[column] is not None:
                libc.syscall(numbers[column], 0, 0, 0, 0, 0, 0)
                if ctypes.get_errno() != code:
                    found.append(name)
    for number in (463, 470, 1000, 0x40000000 + 39):
        if libc.syscall(number, 0, 0, 0, 0, 0, 0) != -1 or ctypes.get_errno() != 38:
            found.append(str(number))
    clone = call_filter._CLONE[column]
    for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x04000000, 0x08000000):
        child = libc.syscall(clone, flag | 17, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        if child > 0:
            found.append("clone with " + hex(flag))
    return found


def typed():
    import fcntl, pty

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, 0x5412, b"x")
    return True


def raised_limits():
    import resource

    names = ("RLIMIT_FSIZE", "RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_CORE")
    found = []
    for name in names:
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        try:
            resource.setrlimit(kind, (hard, hard + 1))
            found.append(name)
        except (ValueError, OSError):
            pass
    return found


def unix_socket(name):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(name)


def link_of(descriptor):
    try:
        return os.readlink("/proc/self/fd/" + str(descriptor))
    except OSError:
        return ""


def inner_namespace():
    if os.fork() == 0:
        os._exit(ctypes.CDLL(None).unshare(0x10020000) != 0)
    return os.waitstatus_to_exitcode(os.wait()[1]) == 0


def works(action):
    try:
        return bool(action())
    except OSError:
        return False


def mode_of(descriptor):
    try:
        return os.fstat(descriptor).st_mode
    except OSError:
        return 0
'''


def main(public: str, victim: str, isolation: str, port: str, *names: str) -> None:
    """Run each attack as a cell, between two that are good."""
    from typing import cast

    from challenge.methods import Caps, resolve_method
    from challenge.methods.run.grid import GridCell, run_grid
    from challenge.methods.run.local import local_engine
    from challenge.methods.run.runner import Options
    from challenge.methods.run.sandbox import Isolation
    from challenge.scoring import read_predictions
    from challenge.task import read_task

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "attacks.py"
        file.write_text(
            ATTACKS.format(
                victim=victim, too_long=_LIMIT_S + 40, port=int(port), comm=f"walls-{port}"
            )
        )
        caps = Caps(
            seconds=_LIMIT_S, memory_mb=900, file_mb=256, folder_mb=900, files=2000, processes=200
        )
        options = Options(threads=1, isolation=cast("Isolation", isolation))
        cells = [
            GridCell(
                resolve_method(f"{file}:{name}"),
                read_task(Path(public)),
                options,
                Path(folder) / str(index),
                caps,
            )
            for index, name in enumerate(("Good", *names))
        ]
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        found = {}
        for outcome in run_grid(cells, local_engine(2), read_predictions, lambda place, text: None):
            fault = outcome.error.faults[0] if outcome.error else None
            found[outcome.cell.source.name.partition(":")[2]] = {
                "code": fault.code if fault else "",
                "text": str(outcome.error),
                "details": dict(outcome.run.details) if outcome.run else {},
            }
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sys.stdout.write(json.dumps({"cells": found, "grown_mb": (after - before) >> 10}))


if __name__ == "__main__":
    main(*sys.argv[1:])
