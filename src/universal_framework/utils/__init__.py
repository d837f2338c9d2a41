"""Helpers shared by agents, workflow and API."""
