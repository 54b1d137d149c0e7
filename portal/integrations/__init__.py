"""Thin typed clients, one per outside system. They know the wire and no clinic rule."""
