"""The people who work at the clinic."""
