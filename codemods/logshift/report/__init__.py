"""How a run is told: one file for each format.

A format takes an analysis or a migration and returns text, or bytes where it quotes files as they are.
"""
