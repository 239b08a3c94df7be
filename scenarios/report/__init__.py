"""The HTML report of a run folder: one file, no server, nothing fetched."""
