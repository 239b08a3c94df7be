"""Composition: scenarios, attackers, responder, runs, scoring, reports, command line."""
