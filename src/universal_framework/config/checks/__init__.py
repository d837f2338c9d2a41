"""What only the other side can tell: one module for each dependency that a configuration names."""
