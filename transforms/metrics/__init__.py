"""The live room's figures: partial sums a batch, and cells that keep and publish the whole."""
