"""Where this database's machines are. Other credentials would show none of them, as if all had ended."""

from ondol.cloud.errors import WrongPlace
from ondol.cloud.port import Place
from ondol.instances.deployment import here


def settle_in(place: Place) -> None:
    """Remember the first account and region; raise WrongPlace for others."""
    here().filter(account_id="").update(account_id=place.account_id, region=place.region)
    known = Place(*here().values_list("account_id", "region").get())
    if known != place:
        raise WrongPlace(
            "WrongPlace",
            f"the machines are in account {known.account_id}, {known.region};"
            f" these credentials lead to {place.account_id}, {place.region}",
        )
