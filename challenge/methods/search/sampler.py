"""Proposes options: optuna's tree-structured Parzen estimator, as a function of past trials."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from typing import Any

from challenge.errors import Fault, MissingRequirement
from challenge.methods.search.trial import Trial
from challenge.methods.space import Choice, Dimension, Integer, Space, Value

__all__ = ["require_optuna", "sample_options"]


def require_optuna() -> None:
    """Raise MissingRequirement when the sampler is not installed."""
    if importlib.util.find_spec("optuna") is None:
        raise MissingRequirement(
            Fault(
                "challenge tune",
                "the package optuna is not installed",
                "the extra `tune`",
                "pip install 'multimodal-challenge[tune]'",
                code="optuna-missing",
            )
        )


def sample_options(
    space: Space, trials: Sequence[Trial], seed: int, number: int
) -> dict[str, Value]:
    """Return the options of trial `number`; the first ten are drawn at random.

    Each call has its own generator, so that the result depends on the arguments only.
    """
    import optuna
    from optuna.trial import TrialState, create_trial

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    dimensions = {name: _distribution(dimension) for name, dimension in space.items()}
    digest = hashlib.sha256(f"{seed}/{number}".encode()).digest()
    sampler = optuna.samplers.TPESampler(seed=int.from_bytes(digest[:4], "big"), multivariate=True)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for trial in trials:
        state = TrialState.FAIL if trial.failed else TrialState.COMPLETE
        value = None if trial.failed else trial.value
        study.add_trial(
            create_trial(
                state=state, params=dict(trial.options), distributions=dimensions, value=value
            )
        )
    proposed: dict[str, Value] = study.ask(dimensions).params
    return proposed


def _distribution(dimension: Dimension) -> Any:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(dimension, Choice):
        return CategoricalDistribution(dimension.values)
    if isinstance(dimension, Integer):
        return IntDistribution(dimension.low, dimension.high, log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)
