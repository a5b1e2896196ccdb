"""Feature views as writer and reader share them: what is stored for whom, and what a stored value says at a moment."""
