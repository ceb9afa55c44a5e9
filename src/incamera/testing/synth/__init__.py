"""A synthetic world of conversations, accounts and claimed works, from a seed. No key or secret ever comes from it."""
