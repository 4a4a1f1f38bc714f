"""The cloud in memory, for tests and measurements. No part of the product, and not in its wheel."""
