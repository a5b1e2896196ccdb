"""The views that ship, a file an entity."""

from typing import Final

from transforms.features.view import FeatureView
from transforms.features.views.creators import CREATORS
from transforms.features.views.items import ITEMS
from transforms.features.views.merchants import MERCHANTS
from transforms.features.views.pairs import PAIRS
from transforms.features.views.rooms import ROOMS
from transforms.features.views.sources import SOURCES
from transforms.features.views.users import USERS

SHIPPED: Final[tuple[FeatureView, ...]] = (*USERS, *ITEMS, *ROOMS, *CREATORS, *MERCHANTS, *PAIRS, *SOURCES)
"""All of them."""
