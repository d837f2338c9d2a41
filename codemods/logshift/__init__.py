"""Find every legacy logger, move it to the house pattern, prove that nothing else changed."""

__version__ = "0.1.0"
