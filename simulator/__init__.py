"""The digital twin: grid, water, their coupling, instruments, stations, control centre, outcomes."""
