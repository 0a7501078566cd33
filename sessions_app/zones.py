"""Time zones as people read them: by city, with what the clocks there show."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

# One or more cities for every offset in use; anybody's own zone is added to the list by name.
OFFERED = (
    "Pacific/Honolulu", "America/Anchorage", "America/Los_Angeles", "America/Vancouver",
    "America/Denver", "America/Phoenix", "America/Chicago", "America/Mexico_City", "America/New_York",
    "America/Toronto", "America/Bogota", "America/Lima", "America/Caracas", "America/Halifax",
    "America/Santiago", "America/St_Johns", "America/Argentina/Buenos_Aires", "America/Sao_Paulo",
    "Atlantic/Azores", "UTC", "Europe/London", "Europe/Lisbon", "Europe/Dublin", "Africa/Accra",
    "Africa/Casablanca", "Europe/Madrid", "Europe/Paris", "Europe/Berlin", "Europe/Amsterdam",
    "Europe/Rome", "Europe/Zurich", "Europe/Vienna", "Europe/Stockholm", "Europe/Warsaw",
    "Africa/Lagos", "Africa/Johannesburg", "Africa/Cairo", "Europe/Athens", "Europe/Helsinki",
    "Europe/Kyiv", "Asia/Jerusalem", "Europe/Istanbul", "Africa/Nairobi", "Asia/Riyadh",
    "Asia/Tehran", "Asia/Dubai", "Asia/Kabul", "Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu",
    "Asia/Dhaka", "Asia/Yangon", "Asia/Bangkok", "Asia/Jakarta", "Asia/Ho_Chi_Minh",
    "Asia/Singapore", "Asia/Hong_Kong", "Asia/Shanghai", "Asia/Taipei", "Asia/Manila",
    "Australia/Perth", "Asia/Seoul", "Asia/Tokyo", "Australia/Adelaide", "Australia/Brisbane",
    "Australia/Sydney", "Pacific/Auckland",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ZoneOption:
    key: str
    label: str


def city(zone: ZoneInfo) -> str:
    """Like "Buenos Aires" for America/Argentina/Buenos_Aires."""
    return zone.key.rpartition("/")[2].replace("_", " ")


def zone_label(zone: ZoneInfo, at: datetime) -> str:
    """Like "Berlin (CET)"; where a zone has no letters of its own, "Dubai (UTC+4)"."""
    if zone.key == "UTC":
        return "UTC"
    letters = at.astimezone(zone).tzname() or ""
    return f"{city(zone)} ({letters if letters.isalpha() else offset(zone, at)})"


def offset(zone: ZoneInfo, at: datetime) -> str:
    """Like "UTC+5:30"."""
    shift = at.astimezone(zone).utcoffset()
    minutes = int(shift.total_seconds()) // 60 if shift else 0
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{hours}:{rest:02}" if rest else f"UTC{sign}{hours}"


def zone_options(*own: ZoneInfo, at: datetime) -> list[ZoneOption]:
    """The zones to choose from, west to east, with those of the people concerned among them."""
    zones = {key: ZoneInfo(key) for key in OFFERED} | {zone.key: zone for zone in own}
    in_order = sorted(
        zones.values(), key=lambda zone: (at.astimezone(zone).utcoffset(), city(zone))
    )
    return [ZoneOption(zone.key, zone_label(zone, at)) for zone in in_order]
