"""The people who come to the clinic."""
