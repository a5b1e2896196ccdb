"""Orders: what needs an order's other events — distinct counts, refunds by order time, net of a line."""
