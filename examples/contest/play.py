"""Play a whole contest: twelve simulated teams, three weeks, every rule used and some broken.

    python examples/contest/play.py [--small] [--to DIR]

Every step is a command of the product; every fact that is printed was checked. Without --to the
directory is temporary. --small uses two made-up tasks and fewer attempts.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import acts
import ending
from contest import CLOSES, DAYS, NOON, OPENS, Contest
from prober import Prober
from stage import Stage

AS_OF_DAY = 9
"""The day whose board is rebuilt at the end."""


def main() -> None:
    """Read the command line and play."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--small", action="store_true", help="two made-up tasks, fewer attempts")
    parser.add_argument("--to", type=Path, help="a new folder, kept")
    options = parser.parse_args()
    if options.to is not None and options.to.exists() and any(options.to.iterdir()):
        sys.exit(f"{options.to}: not empty\n  expected: a new folder\n  fix: name another one")
    with tempfile.TemporaryDirectory(prefix="contest-") as scratch:
        contest = play(options.to or Path(scratch) / "contest", Path(scratch), small=options.small)
    if options.to:
        print(f"site: {contest.site / 'index.html'}")


def play(root: Path, scratch: Path, *, small: bool) -> Contest:
    """Play the contest in a new directory; AssertionError when a fact does not hold."""
    started = time.monotonic()
    stage = Stage(root.resolve(), OPENS - timedelta(days=2))
    contest = Contest(stage, scratch, small=small)
    acts.prepare(contest)
    prober = Prober(contest)
    for day in range(DAYS):
        stage.at(OPENS + timedelta(days=day, hours=5))
        if day == 0:
            acts.open_gate(contest)
        contest.play_day(day)
        if day in range(3, 16, 6 if small else 1):
            prober.probe()
        if day in _ACTS:
            stage.at(OPENS + timedelta(days=day) + NOON)
            _ACTS[day](contest)
        if day == AS_OF_DAY or day % (7 if small else 1) == 0:
            stage.at(OPENS + timedelta(days=day, hours=22))
            contest.build_site(f"day-{day}")
    prober.settle()
    stage.at(CLOSES - timedelta(hours=1))
    acts.search_everything(contest)
    ending.rehearse(contest)
    stage.at(CLOSES)
    ending.come_late(contest)
    ending.close(contest)
    ending.look_back(contest, f"day-{AS_OF_DAY}")
    ending.keep(contest)
    _report(contest, time.monotonic() - started)
    return contest


_ACTS = {
    2: acts.meet_the_quota,
    4: acts.use_the_inbox,
    5: acts.break_names,
    7: acts.withdraw_some,
    12: acts.change_rules,
    14: acts.fix_labels,
    17: acts.select_finals,
}


def _report(contest: Contest, seconds: float) -> None:
    stage = contest.stage
    refused = sum(answer.code != 0 for answer in stage.answers)
    print(
        f"\n{len(stage.facts)} facts held; {len(stage.answers)} commands, {refused} of them"
        f" refused as expected; {len(contest.files)} submissions of"
        f" {len({team for team, _ in contest.owners.values()})} teams on"
        f" {len(contest.tasks)} tasks; {seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
