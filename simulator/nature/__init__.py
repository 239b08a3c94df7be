"""What nobody controls: weather, demand, wind and sun, and what breaks. The same in every arm of a run."""
