"""The configuration of a service: read, checked whole, and explained down to the line that each value comes from."""
