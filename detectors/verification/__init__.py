"""Verification of any network of known operations over any set of perturbed windows."""
