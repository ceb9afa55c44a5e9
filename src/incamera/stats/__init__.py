"""Exact intervals and estimators that several rooms share; scipy is imported where it is used."""
