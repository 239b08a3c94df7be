"""Certificates as files: written once, checked again from nothing by another method."""
