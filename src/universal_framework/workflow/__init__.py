"""Workflows: agents under recovery, and the simulations that stand in for them."""
