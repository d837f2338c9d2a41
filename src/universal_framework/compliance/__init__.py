"""Rules on what the service may do and say."""
