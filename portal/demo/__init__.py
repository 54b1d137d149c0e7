"""`make demo`: real bookings through every system, told step by step."""
