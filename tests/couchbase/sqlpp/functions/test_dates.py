"""Date functions: formats of all four styles, parts, ranges, zones and durations."""

from __future__ import annotations

from typing import Any

import pytest
from tests.couchbase.sqlpp.functions.test_functions import value

MOMENT = "2021-06-28T19:22:59.123Z"


@pytest.mark.parametrize(
    ("form", "result"),
    [
        ("1111-11-11", "2021-06-28"),
        ("1111-11-11T00:00:00Z", "2021-06-28T19:22:59Z"),
        ("YYYY-MM-DD", "2021-06-28"),
        ("YYYY-MM-DDThh:mm:ss.sTZD", "2021-06-28T19:22:59.123Z"),
        ("DD/MM/YY", "28/06/21"),
        ("Day, DD Month YYYY", "Monday, 28 June 2021"),
        ("DY MON", "MON JUN"),
        ("HH12:MI:SS PM", "07:22:59 PM"),
        ("CC", "20"),
        ("2006-01-02", "2021-06-28"),
        ("Jan 2, 2006 at 3:04pm (MST)", "Jun 28, 2021 at 7:22pm (UTC)"),
        ("Mon Jan _2 15:04:05.000 2006", "Mon Jun 28 19:22:59.123 2021"),
        ("2006 002 Z07:00 -0700", "2021 179 Z +0000"),
        ("%Y-%m-%d", "2021-06-28"),
        ("%D %T", "2021-06-28 19:22:59"),
        ("%F", "2021-06-28T19:22:59.123Z"),
        ("%d%f %B %y, %I:%M %p", "28th June 21, 07:22 PM"),
        ("%-I %_I %P %^a", "7  7 pm MON"),
        ("%j %q %w %u %V %G %U %W", "179 2 1 1 26 2021 26 26"),
        ("%s %N %z %Z %%", "1624908179 123 +00:00 UTC %"),
        ("%r %R %X %x %C", "07:22:59 PM 19:22 19:22:59 2021-06-28 20"),
        ("%# %@", "451363:22:59 451363:22:59.123"),
        ("%::z", "+00:00:00"),
        ("no format", "2021-06-28T19:22:59.123Z"),
    ],
)
def test_formats(form: str, result: str) -> None:
    assert value(f"DATE_FORMAT_STR('{MOMENT}', '{form}')") == result


@pytest.mark.parametrize(
    ("text", "form", "result"),
    [
        ("28/06/2021", "DD/MM/YYYY", "2021-06-28T00:00:00Z"),
        ("2021.06.28", "YYYY MM DD", "2021-06-28T00:00:00Z"),
        ("June 28, 2021 7:05 pm", "%B %d, %Y %I:%M %p", "2021-06-28T19:05:00Z"),
        ("28 Jun 70", "02 Jan 06", "1970-06-28T00:00:00Z"),
        ("28 Jun 68", "02 Jan 06", "2068-06-28T00:00:00Z"),
        ("2021-06-28 19:22 +0200", "%Y-%m-%d %H:%M %z", "2021-06-28T17:22:00Z"),
        ("2021-06-28 19:22 Europe/Paris", "%Y-%m-%d %H:%M %Z", "2021-06-28T17:22:00Z"),
        ("2021 179", "%Y %j", "2021-06-28T00:00:00Z"),
        ("1624908179", "%s", "2021-06-28T19:22:59Z"),
        ("31/02/2021", "DD/MM/YYYY", None),
        ("nonsense", "DD/MM/YYYY", None),
    ],
)
def test_reading_by_a_format(text: str, form: str, result: str | None) -> None:
    assert value(f"MILLIS_TO_UTC(STR_TO_MILLIS('{text}', '{form}'))") == result


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("DATE_ADD_STR('2016-05-15 03:59:00Z', -3, 'day')", "2016-05-12 03:59:00Z"),
        ("DATE_ADD_STR('2016-01-31', 1, 'month')", "2016-02-29"),
        ("DATE_ADD_MILLIS(1463284740000, 3, 'year')", 1557892740000),
        ("DATE_DIFF_STR('2016-05-18', '2016-05-15', 'day')", 3),
        ("DATE_DIFF_STR('2016-05-12', '2016-05-15', 'day')", -3),
        ("DATE_DIFF_ABS_STR('2016-05-12', '2016-05-15', 'day')", 3),
        ("DATE_DIFF_MILLIS(1463025540000, 1463284740000, 'day')", -3),
        ("DATE_DIFF_ABS_MILLIS(1463025540000, 1463284740000, 'day')", 3),
        ("DATE_PART_STR('2006-01-08T15:04:05.999Z', 'iso_week')", 1),
        ("DATE_PART_STR('2006-01-08T15:04:05.999Z', 'WEEK')", 2),
        ("DATE_PART_STR('2006-01-02T15:04:05.999Z', 'millennium')", 3),
        ("DATE_PART_MILLIS(1463284740000, 'hour', 'America/New_York')", 23),
        ("DATE_RANGE_STR('2015-11-30T15:04:05.999', '2015-12-01T15:04:06.998', 'day')",
         ["2015-11-30T15:04:05.999", "2015-12-01T15:04:05.999"]),
        ("DATE_RANGE_STR('2016-01-31', '2016-04-01', 'month')",
         ["2016-01-31", "2016-02-29", "2016-03-31"]),
        ("DATE_RANGE_STR('2016-01-03', '2016-01-01', 'day', -1)", ["2016-01-03", "2016-01-02"]),
        ("DATE_RANGE_STR('2016-01-03', '2016-01-01', 'x')", None),
        ("DATE_RANGE_MILLIS(1480752000000, 1480924800000, 'day', 1)",
         [1480752000000, 1480838400000]),
        ("DATE_TRUNC_STR('2016-05-18T03:59:00Z', 'month')", "2016-05-01T00:00:00Z"),
        ("DATE_TRUNC_MILLIS(1463284740000, 'year')", 1451606400000),
        ("DURATION_TO_STR(23000000000)", "23s"),
        ("DURATION_TO_STR(0)", "0s"),
        ("DURATION_TO_STR('x')", None),
        ("STR_TO_DURATION('1h')", 3600000000000),
        ("STR_TO_DURATION('x')", None),
        ("MILLIS('1970-01-01T00:00:01Z')", 1000),
        ("MILLIS_TO_STR(1463284740000, '1111-11-11')", "2016-05-15"),
        ("MILLIS_TO_LOCAL(0) IS VALUED", True),
        ("MILLIS_TO_TZ(1463284740000, 'Asia/Kolkata')", "2016-05-15T09:29:00+05:30"),
        ("MILLIS_TO_ZONE_NAME(0, 'nowhere')", None),
        ("STR_TO_UTC('1111-11-11T00:00:00+08:00')", "1111-11-10T16:00:00Z"),
        ("STR_TO_UTC('2016-05-15T00:00:00+08:00', '%D')", "2016-05-14"),
        ("STR_TO_TZ('2016-05-15T03:59:00Z', 'Europe/Paris')", "2016-05-15T05:59:00+02:00"),
        ("STR_TO_ZONE_NAME('2016-05-15T03:59:00Z', 'UTC', 'DD.MM.YYYY')", "15.05.2016"),
        ("DATE_FORMAT_STR('28/06/2021', 'DD/MM/YYYY', 'YYYY-MM-DD')", "2021-06-28"),
        ("WEEKDAY_STR('2016-05-15T03:59:00Z')", "Sunday"),
        ("WEEKDAY_MILLIS(1463284740000, 'America/New_York')", "Saturday"),
        ("LENGTH(CLOCK_TZ('UTC', '1111-11-11'))", 10),
        ("CLOCK_TZ('nowhere')", None),
        ("LENGTH(CLOCK_UTC('1111-11-11'))", 10),
        ("LENGTH(CLOCK_STR('1111-11-11'))", 10),
        ("LENGTH(CLOCK_LOCAL('1111-11-11'))", 10),
        ("IS_NUMBER(CLOCK_MILLIS())", True),
    ],
)  # fmt: skip
def test_functions(text: str, result: Any) -> None:
    found = value(text)
    assert found == result
    assert type(found) is type(result)
