"""The boundary that costs money: a port, its errors, Amazon behind it, and a fake for tests."""
