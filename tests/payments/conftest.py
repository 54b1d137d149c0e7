from tests.support.race import race, racing_app

__all__ = ["race", "racing_app"]
