"""Bookings: holding, confirming, moving and cancelling a visit."""
