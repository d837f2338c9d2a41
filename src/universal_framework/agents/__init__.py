"""The agents that read and write text."""
