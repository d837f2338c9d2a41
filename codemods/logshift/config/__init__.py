"""What a run is told, and where it is written."""
