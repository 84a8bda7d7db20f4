"""Live, two-way voice, video and text conversations with Gemini's Live API, on Trio."""
