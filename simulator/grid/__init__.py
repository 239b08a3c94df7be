"""Grid physics: AC power flow, islands, frequency, protection, shedding."""
