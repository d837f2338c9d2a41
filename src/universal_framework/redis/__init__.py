"""Session storage and its Redis connection."""
