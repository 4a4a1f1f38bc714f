"""Amazon's Price List behind the port. It needs `pricing:GetProducts`, and shows public prices only."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any

from ondol.cloud.aws_calls import INTERACTIVE_CONFIG, Clients, Session, ask, every, session
from ondol.cloud.price_port import ListPrice
from ondol.config import Config

_ENDPOINT_REGION = "us-east-1"
"""There are endpoints in us-east-1, eu-central-1 and ap-south-1 only; each has the prices of all regions."""
_LINUX = {
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}


class AwsPriceList:
    """Implements `ondol.cloud.price_port.PriceList` by boto3."""

    def __init__(self, session: Session, config: Config) -> None:
        self._region = config.region
        self._client = Clients(session, config.endpoint_url, INTERACTIVE_CONFIG, _ENDPOINT_REGION)

    @classmethod
    def from_config(cls, config: Config) -> "AwsPriceList":
        """Return a price list with the SDK's usual credentials."""
        return cls(ask(session, config.region), config)

    def prices(self, instance_types: Collection[str]) -> list[ListPrice]:
        found = [
            self._price(what, self._products("AmazonEC2", instanceType=what, **_LINUX))
            for what in sorted(instance_types)
        ]
        found.append(self._price("gp3", self._products("AmazonEC2", productFamily="Storage", volumeApiName="gp3")))
        # Usage types begin with a region's own abbreviation, such as APN2.
        for what, service, usage in (
            ("public-ipv4", "AmazonVPC", "PublicIPv4:InUseAddress"),
            ("alarm", "AmazonCloudWatch", "CW:AlarmMonitorUsage"),
        ):
            found.append(self._price(what, self._products(service), usage))
        return [price for price in found if price]

    def _products(self, service: str, **attributes: str) -> list[dict[str, Any]]:
        wanted = {"regionCode": self._region, **attributes}
        filters = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in wanted.items()]
        # Each product is JSON in a string.
        products: Iterable[Any] = every(
            self._client("pricing"), "get_products", "PriceList", ServiceCode=service, Filters=filters
        )
        return [json.loads(product) for product in products]

    def _price(self, what: str, products: Iterable[dict[str, Any]], usage: str = "") -> ListPrice | None:
        terms = [
            (_moment(term["effectiveDate"]), _dollars(term))
            for product in products
            if product["product"]["attributes"].get("usagetype", "").endswith(usage)
            for term in product["terms"].get("OnDemand", {}).values()
        ]
        paid = [(since, usd) for since, usd in terms if usd]
        if not paid:
            return None
        since, usd = max(paid)
        return ListPrice(what, usd, since)


def _dollars(term: dict[str, Any]) -> Decimal:
    """Return the price of the first paid tier; a free tier is a price dimension of its own."""
    paid = [Decimal(dimension["pricePerUnit"].get("USD", "0")) for dimension in term["priceDimensions"].values()]
    return max(paid, default=Decimal(0)).normalize()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
