"""What the recommender is measured against: simple, in plain Python, sharing nothing with it but the protocol."""

from online_models.baselines.biased_mf import BiasedMF
from online_models.baselines.item_knn import ItemKNN
from online_models.baselines.plain import PlainModel, plain_ranks
from online_models.baselines.session_knn import SessionKNN

__all__ = ["BiasedMF", "ItemKNN", "PlainModel", "SessionKNN", "plain_ranks"]
