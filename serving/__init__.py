"""Who reads it: the published results, read from Redis alone."""
