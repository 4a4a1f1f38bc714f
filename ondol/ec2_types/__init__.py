"""What AWS publishes about EC2's instance types. Standard library only: every part of Ondol may import it."""

from ondol.ec2_types.facts import InstanceType, facts_of, smallest_first, vcpus_at_most

__all__ = ["InstanceType", "facts_of", "smallest_first", "vcpus_at_most"]
