"""A mind for the embedded server that is none: answers by rules, and picks functions by their words."""
