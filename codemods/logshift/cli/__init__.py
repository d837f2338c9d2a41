"""The command line: one module for what has to start fast, one for the rest."""
