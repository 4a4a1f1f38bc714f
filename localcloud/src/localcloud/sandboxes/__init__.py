"""The machines themselves: a folder, processes, a real SSH server on an address of their own."""
