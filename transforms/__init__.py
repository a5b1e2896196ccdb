"""What happens: one step a file, by theme; `io` is the only place that touches files, Redis and Kafka."""
