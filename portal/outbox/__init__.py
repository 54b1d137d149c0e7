"""The only way out: what must happen outside our database, written in the transaction of its cause."""
