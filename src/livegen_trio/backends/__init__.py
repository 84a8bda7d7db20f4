"""Backends: which service to dial, and how. One a module, so that a program imports only its own."""
