"""Uncertified monitors beside the certified members."""
