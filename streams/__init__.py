"""Ground floor: messages, plant model, links and taps, the bus, the recorder."""
