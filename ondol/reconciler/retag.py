"""Set the tags of the settings (`ONDOL_TAGS`) on what was created before they were configured.

What is created from now on gets them at once (`tags`). A tag that is no longer in the settings stays: nobody knows
whether it is still ours.
"""

from ondol.cloud.port import Cloud, Kind
from ondol.config import config


def retag(cloud: Cloud) -> None:
    """Set what is missing, in a few calls for everything; without a call where no tags are set."""
    wished = dict(config().tags)
    if not wished:
        return
    found = cloud.inventory()
    lacking = [thing for thing in found if thing.kind is not Kind.ALARM and not wished.items() <= thing.tags.items()]
    if lacking:
        # Listings show no tags of alarms. So alarms come first: after a crash, the machine still lacks its tags, and
        # both are set again.
        alarms = [
            alarm
            for alarm in found
            if alarm.kind is Kind.ALARM and any(thing.row and thing.row in alarm.id for thing in lacking)
        ]
        if alarms:
            cloud.tag(alarms, wished)
        cloud.tag(lacking, wished)
