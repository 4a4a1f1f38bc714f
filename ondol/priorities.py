"""The priorities of jobs: workers take the highest first, and of equal ones the oldest.

What is above USUAL never waits behind a thousand machines' jobs, or as many e-mails.
"""

AT_ONCE = 20
"""The check of what changes, which takes a moment."""
SOMEBODY_WAITS = 10
"""A machine's job after a click."""
BY_THE_CLOCK = 5
"""Jobs that guard machines by the clock."""
USUAL = 0
"""Procrastinate's default: e-mails, other notifications, and machines' jobs that nobody waits for."""
AFTER_NEWS = -1
"""A machine's job that comes after all notifications."""
MANY = -10
"""Machines' jobs of which there may be a thousand at once."""
