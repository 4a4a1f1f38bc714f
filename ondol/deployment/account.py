"""The account of this database's machines. Other credentials would show none of them, as if all had ended."""

from ondol.cloud.errors import WrongAccount
from ondol.cloud.port import AwsAccount
from ondol.deployment.models import Deployment


def bind_account(account: AwsAccount) -> None:
    """Save the first account and region; raise WrongAccount for others."""
    Deployment.current().filter(account_id="").update(account_id=account.account_id, region=account.region)
    known = AwsAccount(*Deployment.current().values_list("account_id", "region").get())
    if known != account:
        raise WrongAccount(
            "WrongAccount",
            f"the machines are in account {known.account_id}, {known.region};"
            f" these credentials lead to {account.account_id}, {account.region}",
        )
