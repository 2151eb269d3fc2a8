"""The package autogluon.tabular: whether it is installed, and how to keep it silent."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from challenge.errors import Fault, MissingRequirement
from challenge.features.model_files import has_packages

__all__ = ["ensemble_weights", "quiet", "require_autogluon"]


def require_autogluon() -> None:
    """Raise MissingRequirement with the command that installs AutoGluon when it is not there."""
    if not has_packages("autogluon"):
        raise MissingRequirement(
            Fault(
                "method autogluon",
                "the package autogluon.tabular is not installed",
                "the extra `baseline`",
                "pip install 'multimodal-challenge[baseline]'",
                code="autogluon-missing",
            )
        )


@contextmanager
def quiet() -> Iterator[None]:
    """Hide warnings and logs, which AutoGluon has at verbosity 0 too: of torch, not needed here."""
    logger, level = logging.getLogger("autogluon"), logging.getLogger("autogluon").level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.ERROR)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
            logger.setLevel(level)


def ensemble_weights(predictor: Any) -> dict[str, float]:
    """Return the weights of the models in the ensemble that predicts; they sum to 1."""
    name = predictor.model_best
    model = predictor._trainer.load_model(name)
    if not hasattr(model, "_get_model_weights"):
        return {name: 1.0}
    return {str(one): round(float(weight), 4) for one, weight in model._get_model_weights().items()}
