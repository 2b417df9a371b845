"""Recordings on disk -> a corpus in memory -> batches of crops."""
