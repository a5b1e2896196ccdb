"""Columnar working state: hash indexes, growing columns and text, all in numpy arrays for numba kernels."""
