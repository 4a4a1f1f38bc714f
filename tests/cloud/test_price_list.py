"""What the Price List is asked, and how its answers are read."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ondol.cloud.errors import Refused
from ondol.cloud.price_port import ListPrice
from tests.cloud.script import Refusal

JUNE = datetime(2026, 6, 1, tzinfo=UTC)


def product(usage: str, *usd: str, since: str = "2026-06-01T00:00:00Z", term: str = "OnDemand") -> str:
    """Return a product as GetProducts shows one: JSON in a string."""
    dimensions = {f"SKU.{number}": {"unit": "Hrs", "pricePerUnit": {"USD": one}} for number, one in enumerate(usd)}
    terms = {term: {"SKU.T": {"effectiveDate": since, "priceDimensions": dimensions}}}
    return json.dumps({"product": {"sku": "SKU", "attributes": {"usagetype": usage}}, "terms": terms})


def products(*some: str, more: str = "") -> dict[str, Any]:
    return {"PriceList": list(some)} | ({"NextToken": more} if more else {})


def asked_for(script) -> list[tuple[str, dict[str, str]]]:
    return [
        (asked["ServiceCode"], {one["Field"]: one["Value"] for one in asked["Filters"]})
        for operation, asked in script.asked
        if operation == "GetProducts"
    ]


def test_each_thing_is_asked_for_in_our_region(script):
    script.price_list.prices({"t3.small"})
    linux = {
        "instanceType": "t3.small", "operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA",
        "capacitystatus": "Used", "marketoption": "OnDemand",
    }  # fmt: skip
    seoul = {"regionCode": "ap-northeast-2"}
    assert asked_for(script) == [
        ("AmazonEC2", seoul | linux),
        ("AmazonEC2", seoul | {"productFamily": "Storage", "volumeApiName": "gp3"}),
        ("AmazonVPC", seoul),
        ("AmazonCloudWatch", seoul),
    ]


def test_prices_are_exact_and_dated(script):
    script.answers["GetProducts"] = [
        products(product("APN2-BoxUsage:t3.small", "0.0260000000")),
        products(product("APN2-EBS:VolumeUsage.gp3", "0.0912000000", since="2025-03-01T00:00:00Z")),
    ]
    assert script.price_list.prices({"t3.small"}) == [
        ListPrice("t3.small", Decimal("0.026"), JUNE),
        ListPrice("gp3", Decimal("0.0912"), datetime(2025, 3, 1, tzinfo=UTC)),
    ]


def test_of_a_services_products_the_right_one_is_taken_from_any_page(script):
    script.answers["GetProducts"] = [
        products(),
        products(product("APN2-PublicIPv4:IdleAddress", "0.007"), more="page 2"),
        products(product("APN2-PublicIPv4:InUseAddress", "0.005"), product("APN2-VpcEndpoint-Hours", "0.013")),
        products(product("APN2-CW:HighResAlarmMonitorUsage", "0.30"), product("APN2-CW:AlarmMonitorUsage", "0.10")),
    ]
    assert {price.what: price.usd for price in script.price_list.prices(())} == {
        "public-ipv4": Decimal("0.005"),
        "alarm": Decimal("0.1"),
    }


def test_what_is_free_or_reserved_is_no_price(script):
    script.answers["GetProducts"] = [
        products(product("APN2-BoxUsage:t3.small", "0.02", term="Reserved"), product("APN2-BoxUsage:t3.small", "0.0"))
    ]
    assert script.price_list.prices({"t3.small"}) == []


def test_a_free_first_tier_is_passed_over(script):
    script.answers["GetProducts"] = [products(product("APN2-EBS:VolumeUsage.gp3", "0.0000000000", "0.0912000000"))]
    assert [price.usd for price in script.price_list.prices(())] == [Decimal("0.0912")]


def test_without_the_permission_it_says_so(script):
    script.answers["GetProducts"] = [Refusal("AccessDeniedException")]
    with pytest.raises(Refused):
        script.price_list.prices({"t3.small"})
