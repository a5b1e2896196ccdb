"""The exported tables, one a file: Redis in, sorted Arrow tables out."""
