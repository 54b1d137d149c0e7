"""The pages for people who book."""
