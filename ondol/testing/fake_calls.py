"""The calls to the fake cloud, and the errors that it is to return."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from ondol.testing.fake_world import World

P = ParamSpec("P")
T = TypeVar("T")
L = TypeVar("L", bound="Ledger")


@dataclass(frozen=True, slots=True)
class Lost:
    """A call that takes effect, and whose answer does not arrive."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Call:
    """One line of the ledger."""

    operation: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


class Ledger:
    """Records the calls to a cloud in memory.

    `next_error["launch"] = [NoCapacity("…"), Lost(Unreachable("…")), None]`: the first launch fails, the second takes
    effect without an answer, the third succeeds. `meanwhile["launch"]` runs once, just before the next launch and
    without the lock. `calls`: what was asked.
    """

    world: World

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.next_error: defaultdict[str, list[BaseException | Lost | None]] = defaultdict(list)
        self.meanwhile: dict[str, Callable[[], None]] = {}

    def asked(self, operation: str) -> int:
        """Return how often it was called."""
        return sum(call.operation == operation for call in self.calls)


def operation(
    method: Callable[Concatenate[L, P], T],
) -> Callable[Concatenate[L, P], T]:
    """Return the method as a call that is recorded, and may fail."""
    name = method.__name__

    @wraps(method)
    def called(self: L, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if meanwhile := self.meanwhile.pop(name, None):
            meanwhile()
        with self.world.lock:
            self.calls.append(Call(name, args, kwargs))
            trouble = self.next_error[name].pop(0) if self.next_error[name] else None
            if isinstance(trouble, BaseException):
                raise trouble
            answer = method(self, *args, **kwargs)
            if isinstance(trouble, Lost):
                raise trouble.error
            return answer

    return called
