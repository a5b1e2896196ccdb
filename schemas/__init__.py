"""What the data is: schemas, codecs, the law, the Redis layout, the exception tree."""
