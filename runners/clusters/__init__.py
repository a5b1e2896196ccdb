"""Real local clusters as programs: Flink with Beam's job server and worker pool, and a Kafka broker."""
