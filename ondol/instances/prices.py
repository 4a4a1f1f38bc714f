"""What a machine costs at AWS's list prices, in US dollars. A small dated table; other types or regions: no price.

Source: AWS price list (on-demand Linux, gp3, public IPv4 addresses, CloudWatch alarms), before tax, as of 2026-06.
"""

from dataclasses import dataclass
from decimal import Decimal

AS_OF = "2026-06"
TYPICAL_HOURS = 176
"""A month of 22 days with 8 hours each."""

_SERVER_HOUR = {
    "ap-northeast-2": {"t3.micro": Decimal("0.013"), "t3.small": Decimal("0.026"), "t3.medium": Decimal("0.052")},
}
_DISK_GB_MONTH = {"ap-northeast-2": Decimal("0.0912")}
_ADDRESS_HOUR = Decimal("0.005")
_ALARM_MONTH = Decimal("0.10")


@dataclass(frozen=True, slots=True)
class Price:
    """Of one machine. `running_hour` is with its public address; `resting_month` is disk and alarm, always paid."""

    running_hour: Decimal
    resting_month: Decimal

    @property
    def typical_month(self) -> Decimal:
        """At TYPICAL_HOURS of running."""
        return self.resting_month + self.running_hour * TYPICAL_HOURS


def price_of(region: str, instance_type: str, volume_gb: int) -> Price | None:
    """The price, where we know it."""
    server = _SERVER_HOUR.get(region, {}).get(instance_type)
    disk = _DISK_GB_MONTH.get(region)
    if server is None or disk is None:
        return None
    return Price(running_hour=server + _ADDRESS_HOUR, resting_month=disk * volume_gb + _ALARM_MONTH)
