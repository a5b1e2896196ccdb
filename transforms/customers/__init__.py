"""Customers: who buys of a merchant for the first time or again, and how far users have come in each category."""
