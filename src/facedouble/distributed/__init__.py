"""One extraction or conversion on several machines: a plan, parts worked on anywhere, and their joining."""
