"""The only steps that touch files, Redis and Kafka: readers, publishers, importers."""
