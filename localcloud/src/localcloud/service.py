"""What the services of this cloud have in common: they have the cloud, and save their changes.

Each is a subclass of moto's response class: what it does not override, moto answers.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

from localcloud.errors import AwsError

if TYPE_CHECKING:
    from localcloud.cloud import Cloud


class _Thing(Protocol):
    id: str


T = TypeVar("T", bound=_Thing)

_READS = ("Describe", "Get", "List")


class Service(BaseResponse):
    cloud: "Cloud"  # set once, on the class: moto makes a new response object for each request

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """Do nothing: the router has checked the signature; moto's check knows no conditions and loads all of its
        IAM."""

    def call_action(self) -> Any:
        """Handle one request at a time. A change is on disk before its answer is sent."""
        with self.cloud.lock:
            try:
                answer = super().call_action()
            except NotImplementedError as missing:
                return self.refuse(AwsError("InvalidAction", f"{missing} (not in this trial cloud)"))
            if self.service_name == "ec2" and not self._get_action().startswith(_READS):
                self.cloud.touch()
            self.cloud.commit()
            return answer

    def asked(self) -> dict[str, Any]:
        """Return the parameters, with AWS's names; moto parses those of some services only."""
        if not self.automated_parameter_parsing:
            self.parse_parameters(self.normalized_request)
        return dict(self.params)

    def settled(self, things: Iterable[T]) -> list[T]:
        """Return the resources; if a filter asks for a tag, without those that are too new to be found by it."""
        by_tag = any(str(one.get("Name")).startswith("tag") for one in self._get_param("Filters") or [])
        return [one for one in things if not by_tag or not self.cloud.is_too_new(one.id)]

    def refuse(self, error: AwsError) -> Any:
        """Return an error in the protocol of the request: XML, JSON or CBOR."""
        return self.serialized(ActionResult(error))

    def nothing(self) -> Any:
        """Return an answer with empty lists, as when there is nothing to describe."""
        output = get_service_model(self.boto3_service_name).operation_model(self._get_action()).output_shape
        lists: dict[str, list[object]] = {
            name: [] for name, shape in output.members.items() if shape.type_name == "list"
        }
        return self.serialized(ActionResult(lists))
