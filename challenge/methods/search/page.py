"""A search as one page: the score of each trial, and the two curves whose crossing ends it.

Nothing on it comes from elsewhere: no script, no network, colours by class, everything escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from challenge.methods.search.answer import Tuning
from challenge.methods.search.regret import MIN_TRIALS, PATIENCE
from challenge.methods.search.search_loop import RULES
from challenge.methods.search.trial import Trial

__all__ = ["tuning_page"]

_WIDTH, _HEIGHT = 720, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 30
_STYLE = """
:root { color-scheme: light dark; --ink: #1d2330; --soft: #667085; --line: #d5d9e2;
  --paper: #fff; --bound: #12805c; --error: #c2570c; --best: #3157c8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9f0; --soft: #9aa4b8; --line: #363d4d;
  --paper: #14171f; --bound: #4cc795; --error: #f0954f; --best: #8aa7ff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .5rem; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: var(--soft); }
.grid { stroke: var(--line); stroke-width: 1; }
.bound, .error, .best { fill: none; stroke-width: 2; stroke-linejoin: round; }
.bound { stroke: var(--bound); } .error { stroke: var(--error); stroke-dasharray: 7 3; }
.best { stroke: var(--best); } .trial { fill: var(--soft); } .failed { stroke: var(--soft); }
.stop { stroke: var(--ink); stroke-dasharray: 2 4; }
b.bound { color: var(--bound); } b.error { color: var(--error); } b.best { color: var(--best); }
.scroll { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--line); }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
tr.chosen td { font-weight: 700; } p.soft { color: var(--soft); }
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


class _Plot:
    """Places of trials and figures inside one drawing, and its grid."""

    def __init__(self, n_trials: int, figures: Sequence[float]) -> None:
        low, high = min(figures), max(figures)
        air = 0.05 * (high - low) or 0.01
        self._n, self._low, self._high = max(n_trials, 2), low - air, high + air

    def x(self, number: float) -> float:
        return _LEFT + (number - 1) / (self._n - 1) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, figure: float) -> float:
        share = (figure - self._low) / (self._high - self._low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def line(self, name: str, points: Sequence[tuple[int, float]]) -> str:
        places = " ".join(f"{self.x(number):.1f},{self.y(figure):.1f}" for number, figure in points)
        return f'<polyline class="{name}" points="{places}"/>'

    def stop(self, number: int, words: str, row: int) -> str:
        x = self.x(number)
        side = "end" if x > _WIDTH / 2 else "start"
        text_x = x - 5 if side == "end" else x + 5
        return (
            f'<line class="stop" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}"/>'
            f'<text x="{text_x:.1f}" y="{_TOP + 12 + 15 * row}" text-anchor="{side}">'
            f"{escape(words)}</text>"
        )

    def grid(self) -> str:
        parts = []
        step = _round_step((self._high - self._low) / 4)
        for place in range(math.ceil(self._low / step), math.floor(self._high / step) + 1):
            y, words = self.y(place * step), f"{place * step:.{_decimals(step)}f}"
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" '
                f'y2="{y:.1f}"/><text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">'
                f"{words}</text>"
            )
        step = max(1, round(_round_step(self._n / 6)))
        for number in [1, *range(step, self._n + 1, step)]:
            parts.append(
                f'<text x="{self.x(number):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">'
                f"{number}</text>"
            )
        return "".join(parts)


def tuning_page(tuning: Tuning) -> str:
    """Return the HTML of a search; equal searches give equal bytes."""
    found, task = tuning.search, tuning.task
    title = f"{tuning.source.name} on {task.id}"
    best = found.best
    gain = "" if tuning.gain is None else f", {tuning.gain:+.4f} against the method’s own options"
    ended = f"stopped by {tuning.stop}" if found.stopped else "ended with the last trial allowed"
    options = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(_shown(value))}</td>"
        f"<td>{escape(_shown(tuning.declared.defaults.get(name, '–')))}</td></tr>"
        for name, value in sorted(best.options.items())
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(title)}</h1><p>{escape(task.metric)} <b>{best.value:.4f}</b> as the mean of "
        f"{len(best.fold_scores)} folds, trial {best.number}{escape(gain)}. The search {ended}: "
        f"{len(found.trials)} of {tuning.n_allowed} trials, {tuning.seconds:,.0f} s.</p>"
        f"<h2>Score</h2>{_scores_svg(tuning)}"
        '<p class="soft">Each dot is a trial, a cross one that failed; '
        '<b class="best">the line</b> is the best so far.</p>'
        f"<h2>What is still to be gained</h2>{_curves_svg(tuning)}"
        '<p class="soft"><b class="bound">Bound on the regret</b> (whole line) against <b '
        'class="error">statistical error</b> of the best trial (dashed). Where the bound is below '
        "the error, more trials can gain less than the folds can tell. Dotted: where each rule "
        "stops.</p>"
        f'<h2>Options</h2><div class="scroll"><table><thead><tr><th>option</th><th>found</th>'
        f"<th>own</th></tr></thead><tbody>{options}</tbody></table></div>"
        f"<h2>Trials</h2>{_trials_table(tuning)}</body></html>\n"
    )


def _scores_svg(tuning: Tuning) -> str:
    trials = tuning.search.trials
    values = [trial.value for trial in trials if not trial.failed]
    plot = _Plot(len(trials), values)
    line: list[tuple[int, float]] = []
    parts = [plot.grid()]
    for trial in trials:
        x = plot.x(trial.number)
        if trial.failed:
            y = _HEIGHT - _BOTTOM
            parts.append(f'<path class="failed" d="M{x - 3:.1f} {y - 3}l6 6m0-6l-6 6"/>')
            continue
        line.append((trial.number, max(trial.value, line[-1][1] if line else trial.value)))
        parts.append(f'<circle class="trial" cx="{x:.1f}" cy="{plot.y(trial.value):.1f}" r="2.5"/>')
    words = f"From {values[0]:.4f} to {max(values):.4f} in {len(trials)} trials."
    return _svg("score", "Score of each trial", words, [*parts, plot.line("best", line)])


def _curves_svg(tuning: Tuning) -> str:
    looks = tuning.search.looks
    if not looks:
        return f"<p>There are fewer than {MIN_TRIALS} finished trials, so no bound.</p>"
    highest = max(max(look.bound, look.error) for look in looks)
    # A third of air above the curves for the names of the rules.
    plot = _Plot(len(tuning.search.trials), [0.0, 1.3 * highest])
    parts = [plot.grid()]
    for row, rule in enumerate(RULES):
        number = tuning.search.stop_of(rule)
        if number is not None:
            parts.append(plot.stop(number, f"{rule}: {number}", row))
    parts.append(plot.line("bound", [(look.number, look.bound) for look in looks]))
    parts.append(plot.line("error", [(look.number, look.error) for look in looks]))
    words = (
        f"After {looks[-1].number} trials the bound is {looks[-1].bound:.4f} and the error "
        f"{looks[-1].error:.4f}. Stagnation means {PATIENCE} trials without a better one."
    )
    return _svg("curves", "Bound on the regret and statistical error", words, parts)


def _svg(name: str, title: str, words: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(words)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def _trials_table(tuning: Tuning) -> str:
    names = sorted(tuning.declared.space)
    heads = "".join(f"<th>{escape(name)}</th>" for name in ["trial", "score", "seconds", *names])
    best = tuning.search.best
    rows = "".join(_row(trial, names, trial is best) for trial in tuning.search.trials)
    return (
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        "</div>"
    )


def _row(trial: Trial, names: Sequence[str], chosen: bool) -> str:
    score = escape(f"failed: {trial.reason}"[:80]) if trial.failed else f"{trial.value:.4f}"
    cells = "".join(f"<td>{escape(_shown(trial.options[name]))}</td>" for name in names)
    return (
        f'<tr{" class=chosen" if chosen else ""}><td class="number">{trial.number}</td>'
        f'<td class="number">{score}</td><td class="number">{trial.seconds:.1f}</td>{cells}</tr>'
    )


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _round_step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


def _decimals(step: float) -> int:
    return max(0, -math.floor(math.log10(step) + 1e-9))
