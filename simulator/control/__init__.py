"""Control centre: AGC, redispatch, water SCADA, safe modes; acts only on what it receives."""
