"""Word lists: what is ordinary, what is a name, what says something about a person."""
