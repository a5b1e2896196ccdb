"""What another policy would have earned, from what a logged one showed, with which chance, and what came of it."""

from online_models.off_policy.estimators import Logged, doubly_robust, ips, snips
from online_models.off_policy.labels import Labelled, labelled

__all__ = ["Labelled", "Logged", "doubly_robust", "ips", "labelled", "snips"]
