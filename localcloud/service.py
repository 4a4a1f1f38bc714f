"""What the services of this cloud have in common: they know the cloud, and what they change is saved.

Each is a subclass of moto's response class: what it does not override, moto answers.
"""

from typing import TYPE_CHECKING, Any

from moto.core.responses import ActionResult, BaseResponse

from localcloud.errors import AwsError

if TYPE_CHECKING:
    from localcloud.cloud import Cloud

_READS = ("Describe", "Get", "List")


class Service(BaseResponse):
    cloud: "Cloud"  # set once, on the class: moto makes a new response object for each request

    def _authenticate_and_authorize_normal_action(self, resource: str = "*") -> None:
        """The front door has checked the signature; moto's own check knows no conditions and loads all of its IAM."""

    def call_action(self) -> Any:
        """One request at a time. A change is on disk before its answer leaves."""
        with self.cloud.lock:
            try:
                answer = super().call_action()
            except NotImplementedError as missing:
                return self.refuse(AwsError("InvalidAction", f"{missing} (not in this trial cloud)"))
            if not self._get_action().startswith(_READS):
                self.cloud.changed()
            return answer

    def refuse(self, error: AwsError) -> Any:
        """An error in whatever protocol the request came in: XML, JSON or CBOR."""
        status, headers, body = self.serialized(ActionResult(error))
        return status, headers, body
