"""Spanish: as on the English pages, the day first and the clock by 24 hours."""

from __future__ import annotations

DATE_FORMAT = "j b Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j b Y, H:i"
SHORT_DATE_FORMAT = "j b Y"
SHORT_DATETIME_FORMAT = "j b Y, H:i"
MONTH_DAY_FORMAT = r"j \d\e F"

# How pieces of the patterns that pages are written with read in this language (accounts/dates.py):
# "8 de diciembre de 2026".
PIECES = {"j F": r"j \d\e F", "F Y": r"F \d\e Y", "M": "b"}
