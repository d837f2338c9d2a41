"""Data types that cross module borders."""
