"""Private SSH keys: how they are sealed, and the formats they are handed out in."""
