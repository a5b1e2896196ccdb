"""Whether two exports say the same: by canonical digest, and where they do not, by which rows."""
