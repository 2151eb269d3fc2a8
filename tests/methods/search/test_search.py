"""The loop of a search: with a sampler of its own here, with optuna's in the slow tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pytest

from challenge.errors import ChallengeError, Fault, MissingRequirement
from challenge.methods.search import MIN_TRIALS, Measured, Search, Trial, search
from challenge.methods.space import Choice, Float, Space, Value

SPACE: Space = {"x": Float(-2, 2), "y": Float(-2, 2)}
Measure = Callable[[Mapping[str, Value]], Measured]


def at_random(space: Space, trials: Sequence[Trial], seed: int, number: int) -> Mapping[str, Value]:
    random = np.random.default_rng([seed, number])
    return {name: dimension.at(random.random()) for name, dimension in space.items()}


def height(options: Mapping[str, Value]) -> float:
    """Return a smooth hill of height .9, its top at (.5, -.3)."""
    x, y = float(options["x"]), float(options["y"])
    return 0.9 - 0.1 * ((x - 0.5) ** 2 + (y + 0.3) ** 2)


def noisy(noise: float, seed: int = 0) -> Measure:
    """Return a measure whose five folds lie evenly around their mean, so that its error is known.

    Deviations -1 -1 0 1 1 have variance 1: the error is sqrt(.45) noise, in every trial.
    """
    calls = iter(range(10_000))

    def measure(options: Mapping[str, Value]) -> Measured:
        shift = np.random.default_rng([seed, next(calls)]).normal(0, noise / 5**0.5)
        folds = height(options) + shift + noise * np.array([-1, -1, 0, 1, 1])
        return Measured(tuple(folds.tolist()))

    return measure


def run(measure: Measure, n_trials: int, **options: object) -> Search:
    return search(SPACE, measure, n_trials=n_trials, propose=at_random, **options)  # type: ignore[arg-type]


def broken(options: Mapping[str, Value]) -> Measured:
    raise ChallengeError(Fault("method", "it burst", "predictions", "mend it"))


def test_no_rule_stops_before_twenty_finished_trials() -> None:
    flat = Measured((0.5, 0.5, 0.5))
    for stop in ("regret", "stagnation"):
        found = run(lambda options: flat, 60, stop=stop)
        assert found.stopped
        assert len(found.trials) == MIN_TRIALS == 20


def test_failed_trials_do_not_count_towards_the_twenty() -> None:
    calls = iter(range(100))

    def measure(options: Mapping[str, Value]) -> Measured:
        return broken(options) if next(calls) % 3 == 2 else Measured((0.5, 0.5))

    found = run(measure, 60, stop="regret")
    # Two of three finish: the 20th finished trial is the 29th.
    assert len(found.trials) == 29
    assert sum(trial.failed for trial in found.trials) == 9
    assert found.trials[2].reason == "it burst"
    assert found.best.number == 1


def test_without_a_rule_all_trials_are_made_and_each_rule_is_replayed() -> None:
    top: Mapping[str, Value] = {"x": 0.5, "y": -0.3}
    found = run(noisy(0.005), 22, stop="none", first=top)
    assert len(found.trials) == 22 and not found.stopped
    assert [look.number for look in found.looks] == [20, 21, 22]
    stopped = run(noisy(0.005), 22, stop="stagnation", first=top)
    assert stopped.stopped and found.stop_of("stagnation") == len(stopped.trials) == 20
    assert found.looks[:1] == stopped.looks


def test_the_methods_own_options_are_tried_first() -> None:
    found = run(noisy(0.01), 3, stop="none", first={"x": 0.0, "y": 0.0})
    assert found.trials[0].options == {"x": 0.0, "y": 0.0}
    assert found.trials[1].options != {"x": 0.0, "y": 0.0}


def test_an_interrupted_search_goes_on_as_if_it_had_not_been() -> None:
    kept: list[Trial] = []
    measured: list[Mapping[str, Value]] = []

    def measure(options: Mapping[str, Value]) -> Measured:
        if len(measured) == 5:
            raise KeyboardInterrupt
        measured.append(options)
        return Measured((height(options), height(options)))

    with pytest.raises(KeyboardInterrupt):
        run(measure, 9, stop="none", keep=kept.append)
    assert [trial.number for trial in kept] == [1, 2, 3, 4, 5]
    measured.clear()
    done = run(measure, 9, stop="none", kept=list(kept), keep=kept.append)
    assert len(measured) == 4, "kept trials are not measured again"
    assert [trial.number for trial in kept] == list(range(1, 10))
    whole = run(lambda options: Measured((height(options),) * 2), 9, stop="none")
    assert [trial.options for trial in done.trials] == [trial.options for trial in whole.trials]


def test_a_method_that_never_works_ends_the_search_with_its_own_words() -> None:
    kept: list[Trial] = []
    with pytest.raises(ChallengeError, match="it burst"):
        run(broken, 60, keep=kept.append)
    assert len(kept) == 4, "the fifth failure ends it"


def test_what_is_not_installed_ends_the_search_at_once() -> None:
    def measure(options: Mapping[str, Value]) -> Measured:
        raise MissingRequirement(Fault("method", "no library", "the library", "install it"))

    kept: list[Trial] = []
    with pytest.raises(MissingRequirement):
        run(measure, 60, keep=kept.append)
    assert kept == []


@pytest.mark.slow
def test_more_noise_between_folds_stops_earlier_and_gives_up_less_than_it() -> None:
    pytest.importorskip("optuna")
    stops = {}
    for noise in (0.005, 0.02, 0.05):
        found = search(SPACE, noisy(noise), n_trials=45, stop="regret")
        stops[noise] = len(found.trials)
        assert found.stopped == (noise > 0.005)
        assert found.looks[-1].error == pytest.approx(0.45**0.5 * noise)
        if found.stopped:
            given_up = 0.9 - height(found.best.options)
            assert given_up < found.looks[-1].error, "regret at the stop is below the fold error"
    assert 20 <= stops[0.05] < stops[0.02] < stops[0.005] == 45


@pytest.mark.slow
def test_the_sampler_depends_on_the_trials_before_and_the_seed_alone() -> None:
    pytest.importorskip("optuna")
    space: Space = {**SPACE, "kind": Choice(("flat", "steep"))}

    def measure(options: Mapping[str, Value]) -> Measured:
        factor = 1.0 if options["kind"] == "steep" else 0.5
        return Measured((factor * height(options),) * 3)

    whole = search(space, measure, n_trials=24, stop="none", seed=3)
    rest = search(space, measure, n_trials=24, stop="none", seed=3, kept=whole.trials[:13])
    other = search(space, measure, n_trials=24, stop="none", seed=4)
    assert [t.options for t in rest.trials] == [t.options for t in whole.trials]
    assert [t.options for t in other.trials] != [t.options for t in whole.trials]
    # It learns: what it proposes after the random start is better than that start.
    values = [trial.value for trial in whole.trials]
    assert np.mean(values[12:]) > np.mean(values[:10])
    assert whole.best.options["kind"] == "steep"
