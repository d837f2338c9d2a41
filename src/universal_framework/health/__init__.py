"""Whether the service lives, may be sent traffic, and on what it depends; nothing here knows HTTP frameworks."""
