"""What people see who are not approved: that they wait, or were rejected or suspended."""
