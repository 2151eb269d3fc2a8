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

ATTACKS = '''
import ctypes, json, os, socket, stat, sys, time
from pathlib import Path

HOME = Path(os.environ["HOME"])
VICTIM = Path({victim!r})
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
        time.sleep(60)


class ManyFiles(Good):
    def __init__(self):
        for place in range(3000):
            (HOME / str(place)).touch()
        time.sleep(60)


class ManyThreads(Good):
    def __init__(self):
        import threading
        for _ in range(300):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        time.sleep(60)


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
            "kept capabilities": lambda: int(
                Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0], 16
            ),
        }}.items() if works(action)]}}


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
        file.write_text(ATTACKS.format(victim=victim, port=int(port)))
        caps = Caps(seconds=40, memory_mb=900, file_mb=256, files=2000, processes=200)
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
