"""Losses of training, and the discriminators that learn beside a model."""
