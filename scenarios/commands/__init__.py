"""Bodies of the commands: load, call the library, print."""
