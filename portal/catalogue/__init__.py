"""What the clinic sells: services, appointment types, prices, forms, and how each is processed."""
