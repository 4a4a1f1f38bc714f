"""The boundary to what costs money: a port, its errors, and Amazon behind it."""
