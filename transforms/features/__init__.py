"""Feature views: what is known about whom, declared once and computed alike live, in a replay and for training."""
