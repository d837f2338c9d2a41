"""The runtime that migrated code stands on; import the module you need, nothing is loaded here."""
