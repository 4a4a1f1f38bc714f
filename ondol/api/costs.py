"""/api/costs: what one's own machine costs."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from ninja import Field, Query, Router, Schema

from ondol.api.auth import PERSON, ApiRequest
from ondol.api.schemas import refusals
from ondol.api.throttle import PER_PERSON
from ondol.costs import bills
from ondol.costs.calculation import Item
from ondol.costs.months import Month
from ondol.costs.record import zone

router = Router(auth=PERSON, throttle=PER_PERSON, tags=["costs"])

Amount = Annotated[Decimal, Field(examples=["4.42"])]


class Money(Schema):
    """An amount as pages show it; decimal numbers are strings."""

    usd: Amount
    krw: Decimal | None = Field(description="Null until an administrator has set a rate.", examples=["6133"])


class CostLine(Schema):
    """One thing at one price. All lines together are exactly the total."""

    item: Item
    what: str = Field(description="An instance type, or the item again.", examples=["t3.small"])
    count: int = Field(description="GiB of a disk, else 1.", examples=[1])
    quantity: Decimal = Field(description="Hours, GiB-months or months.", examples=["52.183"])
    unit_price_usd: Decimal | None = Field(description="Null: no price is known.", examples=["0.026"])
    amount: Money


class BudgetAnswer(Schema):
    """What may be spent in a month."""

    usd: Amount
    used_percent: int = Field(description="Rounded down.", examples=[55])
    stops: bool = Field(description="At 100 % the machine is stopped, and cannot start.")


class Costs(Schema):
    """A month, from Ondol's own record and AWS's list prices, before tax."""

    month: str = Field(examples=["2026-06"])
    time_zone: str = Field(description="Whose month it is.", examples=["Asia/Seoul"])
    total: Money = Field(description="So far, or of the whole month if it is over.")
    forecast: Money = Field(
        description="Of the whole month, at the pace of the last four weeks, and of 176 hours a month before that."
    )
    saved: Money = Field(description="Against running all the time.")
    saved_by_auto_stop: Money = Field(description="The part of it that auto-stop has stopped.")
    running_hours: Decimal = Field(description="As billed.", examples=["52.183"])
    lines: list[CostLine]
    budget: BudgetAnswer | None
    krw_per_usd: Decimal | None = Field(examples=["1387.50"])
    krw_as_of: date | None


class WhichMonth(Schema):
    """A month of this century."""

    month: str = Field(
        "", description="Such as `2026-06`; by default this one.", pattern=r"^(20\d\d-(0[1-9]|1[0-2]))?$"
    )


@router.get("", response={200: Costs, **refusals(422)}, operation_id="costs", summary="What my machine costs")
def costs(request: ApiRequest, which: Query[WhichMonth]) -> Costs:
    """Return the costs of a month, line by line."""
    month = Month.parse(which.month) if which.month else bills.this_month()
    bill = bills.bill_of(request.auth, month)
    budget, rate = bill.budget_status, bills.exchange_rate()
    return Costs(
        month=str(month),
        time_zone=zone().key,
        total=Money.from_orm(bill.total),
        forecast=Money.from_orm(bill.forecast),
        saved=Money.from_orm(bill.saved),
        saved_by_auto_stop=Money.from_orm(bill.saved_by_idle),
        running_hours=_short(bill.hours),
        lines=[
            CostLine(
                item=shown.line.item,
                what=shown.line.what,
                count=shown.line.count,
                quantity=_short(shown.line.quantity),
                unit_price_usd=shown.line.usd,
                amount=Money.from_orm(shown.money),
            )
            for shown in bill.lines
        ],
        budget=BudgetAnswer(usd=budget.budget.usd, used_percent=budget.percent, stops=budget.budget.stops)
        if budget
        else None,
        krw_per_usd=rate.krw if rate else None,
        krw_as_of=rate.as_of if rate else None,
    )


def _short(quantity: Decimal) -> Decimal:
    return quantity.quantize(Decimal("0.001"))
