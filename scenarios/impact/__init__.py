"""Impact certificates of a scenario's plant, with what the true plant says of them beside them."""
