"""Logging, monitoring and telemetry; import the module you need, nothing is loaded here."""
