"""The web application, for gunicorn."""

import gc

from portal import create_app

app = create_app()
# What is there by now stays for good. Looking through it again and again would stop all requests each time.
gc.collect()
gc.freeze()
