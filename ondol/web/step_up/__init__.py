"""Pages that a recent sign-in is needed for, and how people come back to what they asked for."""
