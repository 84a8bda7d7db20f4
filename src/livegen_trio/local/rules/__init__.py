"""The responder without a language model: chooses functions by their words, and answers by rules."""
