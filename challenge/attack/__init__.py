"""The red team in the box: attacks on a built challenge, before it opens."""

from challenge.attack.attack_run import ATTACK_KINDS, run_attacks

__all__ = ["ATTACK_KINDS", "run_attacks"]
