"""A broadcast's report: one HTML file with everything in it, for after the show."""
