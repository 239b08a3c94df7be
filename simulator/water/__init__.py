"""Water physics: EPANET stepped, pressure-driven demand, pump control."""
