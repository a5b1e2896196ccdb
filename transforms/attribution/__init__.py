"""Attribution: which touches earned which order line's money."""
