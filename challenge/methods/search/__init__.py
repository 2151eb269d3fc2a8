"""Searching the options that a method declares, and knowing when to stop."""

from __future__ import annotations

from challenge.methods.search.answer import Tuning, tuned_file, tuning_as_json
from challenge.methods.search.declared import Declared, read_space, run_trial
from challenge.methods.search.regret import MIN_TRIALS, PATIENCE, fold_error, regret_bound
from challenge.methods.search.sampler import require_optuna
from challenge.methods.search.saved_trials import KeptTrials
from challenge.methods.search.search_loop import RULES, Look, Search, Stop, search
from challenge.methods.search.trial import Measured, Trial

__all__ = [
    "MIN_TRIALS",
    "PATIENCE",
    "RULES",
    "Declared",
    "KeptTrials",
    "Look",
    "Measured",
    "Search",
    "Stop",
    "Trial",
    "Tuning",
    "fold_error",
    "read_space",
    "regret_bound",
    "require_optuna",
    "run_trial",
    "search",
    "tuned_file",
    "tuning_as_json",
]
