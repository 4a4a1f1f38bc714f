"""Which types are burstable, at which baseline. From the EC2 user guide, "Burstable performance instances". Pure."""

#: size → per cent of each vCPU. Of T2, some are different
_BASELINE = {"nano": 5.0, "micro": 10.0, "small": 20.0, "medium": 20.0, "large": 30.0, "xlarge": 40.0, "2xlarge": 40.0}
_OF_T2 = {**_BASELINE, "xlarge": 22.5, "2xlarge": 17.0}
_FAMILIES = {"t2": _OF_T2, "t3": _BASELINE, "t3a": _BASELINE, "t4g": _BASELINE}


def baseline(instance_type: str) -> float | None:
    """Return per cent of each vCPU; nothing for types that do not burst."""
    family, _, size = instance_type.partition(".")
    return _FAMILIES.get(family, {}).get(size)
