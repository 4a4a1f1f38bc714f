"""The record: who did what, on whom, from where, when and how it ended. Rows are added, and never changed."""
