"""Where and how to dial, one backend a module: a program imports only its own."""
