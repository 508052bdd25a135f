"""One admission review of an object of our kinds answered: the object as it came, and all that is wrong with it. Pure.

Only what is plainly invalid is refused. A kind that is not known, or an object that is going anyway, passes
(admission.k8s.io/v1, AdmissionReview).
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from meshcore.kinds.fault import Fault, dotted
from meshcore.kinds.read import read

MAX_CAUSES = 20

Object = Mapping[str, Any]


class ReviewError(Exception):
    """What came is no admission review; `str()` is one line."""


class Verdict(NamedTuple):
    """What was decided: refused where there are faults. `warning` is told to whoever asked, and changes nothing."""

    uid: str
    what: str
    faults: tuple[Fault, ...] = ()
    warning: str = ""

    def response(self) -> dict[str, Any]:
        """Return the AdmissionReview that answers."""
        found: dict[str, Any] = {"uid": self.uid, "allowed": not self.faults}
        if self.faults:
            found["status"] = self._status()
        if self.warning:
            found["warnings"] = [self.warning[:256]]
        return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": found}

    def _status(self) -> dict[str, Any]:
        told = self.faults[:MAX_CAUSES]
        more = len(self.faults) - len(told)
        kind, _, name = self.what.partition(" ")
        lines = [str(fault) for fault in told] + ([f"and {more} more"] if more else [])
        return {
            "status": "Failure",
            "code": 422,
            "reason": "Invalid",
            "message": f"{self.what} is invalid: " + ("; also: ".join(lines)),
            "details": {
                "kind": kind,  # without it kubectl names no object, and a file may have many
                "name": name,
                "causes": [
                    {
                        "reason": "FieldValueInvalid",
                        "field": dotted(fault.where),
                        "message": str(fault._replace(where=())),
                    }
                    for fault in told
                ],
            },
        }


def request_of(document: Any) -> Object:
    """Return the request of a decoded AdmissionReview; raises ReviewError."""
    request = document.get("request") if isinstance(document, dict) else None
    if not isinstance(request, dict) or not isinstance(request.get("uid"), str):
        raise ReviewError("the body is no AdmissionReview with a request and its uid")
    return request


def review(request: Object) -> Verdict:
    """Return the verdict on a request."""
    uid, each = str(request["uid"]), request.get("object")
    if not isinstance(each, dict):
        return Verdict(uid, "it")  # it is being deleted
    metadata = each.get("metadata")
    about: Object = metadata if isinstance(metadata, dict) else {}
    name = about.get("name") or about.get("generateName") or "without a name"
    what = f"{each.get('kind') or 'object'} {name}"
    if about.get("deletionTimestamp"):
        return Verdict(uid, what)  # its finalizers may have to go, whatever else it says
    reading = read(each)
    if not reading.concerns:
        return Verdict(uid, what, warning=f"{what} was not checked: its kind or version is not known to this meshtui")
    return Verdict(uid, what, reading.faults)
