"""Compiled bounds and search for chains of dense layers with ReLU, over boxes."""
