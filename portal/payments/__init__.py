"""Money in and back: Stripe Checkout, refunds, and what Stripe tells us."""
