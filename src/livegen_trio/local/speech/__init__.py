"""Ears and a voice for the embedded server: what the `[local]` extra is for, and what can't be imported without it."""
