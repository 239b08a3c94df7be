"""Certified detectors: windows, features, training, bounds, certificates, monitors, hub."""
