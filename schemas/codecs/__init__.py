"""Codecs: bytes of JSON lines, Parquet and Arrow IPC to Arrow batches of events, and back."""
