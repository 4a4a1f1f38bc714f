"""Machines, one for each person: their state, their keys, and what people may ask of them."""
