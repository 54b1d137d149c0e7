"""Keeps Outlook and MediRecords in step with our bookings, and listens to what they tell us."""
