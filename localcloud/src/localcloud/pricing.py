"""A part of AWS's Price List: the prices of one small machine in this region. moto has none.

The Price List is the same for all accounts: it is public, and lives in three regions only.
"""

import json
from collections.abc import Iterator
from typing import Any

from moto.core.responses import ActionResult

from localcloud.service import Service

#: clients sign for one of these, wherever the machines are
REGIONS = frozenset({"us-east-1", "eu-central-1", "ap-south-1"})
_SINCE = "2026-06-01T00:00:00Z"
#: on-demand Linux in Seoul, US dollars an hour
_TYPES = {"t3.micro": "0.0130000000", "t3.small": "0.0260000000", "t3.medium": "0.0520000000"}
_LINUX = {
    "productFamily": "Compute Instance",
    "operatingSystem": "Linux",
    "tenancy": "Shared",
    "preInstalledSw": "NA",
    "capacitystatus": "Used",
    "marketoption": "OnDemand",
}
_GP3 = {"productFamily": "Storage", "volumeApiName": "gp3", "usagetype": "APN2-EBS:VolumeUsage.gp3"}


class PriceList(Service):
    def __init__(self) -> None:
        super().__init__(service_name="pricing")
        self.automated_parameter_parsing = True

    def get_products(self) -> ActionResult:
        filters = {one["Field"]: one["Value"] for one in self._get_param("Filters") or []}
        found = [
            _product(attributes, usd)
            for service, attributes, usd in _products(self.cloud.identity.region)
            if service == self._get_param("ServiceCode") and filters.items() <= attributes.items()
        ]
        return ActionResult({"FormatVersion": "aws_v1", "PriceList": found})


def _products(region: str) -> Iterator[tuple[str, dict[str, str], str]]:
    here = {"regionCode": region}
    for name, usd in _TYPES.items():
        yield "AmazonEC2", here | _LINUX | {"instanceType": name, "usagetype": f"APN2-BoxUsage:{name}"}, usd
    yield "AmazonEC2", here | _GP3, "0.0912000000"
    yield "AmazonVPC", here | {"usagetype": "APN2-PublicIPv4:InUseAddress"}, "0.0050000000"
    yield "AmazonVPC", here | {"usagetype": "APN2-PublicIPv4:IdleAddress"}, "0.0050000000"
    yield "AmazonCloudWatch", here | {"usagetype": "APN2-CW:AlarmMonitorUsage"}, "0.1000000000"


def _product(attributes: dict[str, str], usd: str) -> str:
    """Return JSON in a string, as AWS does."""
    dimension = {"unit": "Hrs", "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": usd}}
    term: dict[str, Any] = {"effectiveDate": _SINCE, "priceDimensions": {"SKU.JRTCKXETXF.6YS6EN2CT7": dimension}}
    product = {"sku": "SKU", "attributes": attributes}
    return json.dumps({"product": product, "terms": {"OnDemand": {"SKU.JRTCKXETXF": term}}})
