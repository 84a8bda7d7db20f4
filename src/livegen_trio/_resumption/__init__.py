"""State that survives a connection: inputs, history, and the decision to dial again. Pure."""
