"""The HTTP API: what is published, for dashboards and other programs; reads Redis and imports no pipeline."""
