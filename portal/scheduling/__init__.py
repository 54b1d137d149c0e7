"""When the clinic works, and which times can be booked."""
