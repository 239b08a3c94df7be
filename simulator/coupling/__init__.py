"""What grid and water need of each other: electricity for pumps, cooling water for plants, control power."""
