"""Adaptive attackers: each reads a View, proposes taps, and cannot exceed its declared budget."""
