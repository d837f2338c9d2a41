"""Faults in the middle of traffic: the real service as a process, real servers around it, clients that keep books."""
