"""A made-up world of air travel to learn and measure with: the same documents every time.

Airlines, airports, the routes between them, and hotels with reviews, in the scope `inventory`.
Every name is invented; only the countries are real.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Any, Final

BUCKET: Final = "travel"
SCOPE: Final = "inventory"
COLLECTIONS: Final = ("airline", "airport", "route", "hotel")

_AIRLINES: Final = 120
_AIRPORTS: Final = 800
_ROUTES: Final = 9000
_HOTELS: Final = 700

#: Country, code, and about where its airports are: latitude and longitude, from and to.
_COUNTRIES: Final = (
    ("France", "FR", 43.2, 49.8, -1.5, 7.5),
    ("Germany", "DE", 47.8, 54.3, 6.5, 13.5),
    ("United Kingdom", "GB", 50.7, 57.5, -4.5, 0.5),
    ("Spain", "ES", 36.8, 43.3, -8.0, 2.5),
    ("Italy", "IT", 40.0, 45.8, 7.8, 16.0),
    ("United States", "US", 30.0, 47.5, -122.0, -75.0),
    ("Canada", "CA", 43.5, 53.0, -122.0, -64.0),
    ("Brazil", "BR", -27.0, -4.0, -58.0, -37.0),
    ("Japan", "JP", 32.0, 43.0, 130.5, 143.0),
    ("India", "IN", 10.0, 30.0, 72.5, 88.0),
    ("Kenya", "KE", -4.0, 3.0, 34.5, 40.5),
    ("Australia", "AU", -37.5, -18.0, 115.5, 152.0),
)
_SYLLABLES: Final = (
    "al", "ba", "cor", "da", "el", "fen", "ga", "hol", "is", "jo", "kar", "lu", "mar", "no", "or",
    "pel", "qui", "ro", "sa", "ten", "ul", "va", "wes", "xan", "yor", "zel",
)  # fmt: skip
_ENDINGS: Final = ("ville", "burg", "ton", "stad", "mouth", "field", "port", "haven", "dale")
_HOTEL_NAMES: Final = ("Grand", "Harbour", "Garden", "Station", "Old Mill", "Lighthouse", "Park")
_HOTEL_KINDS: Final = ("Hotel", "Inn", "Hostel", "Lodge", "Guesthouse")
_AIRLINE_KINDS: Final = ("Air", "Airways", "Wings", "Jet", "Express")
_RATED: Final = ("Cleanliness", "Location", "Rooms", "Service", "Sleep Quality", "Value")
_OPINIONS: Final = (
    "The room was quiet and the bed very good.",
    "Breakfast was simple, but the bread was still warm.",
    "We waited for half an hour until somebody came to the desk.",
    "A short walk to the station, and a view of the river.",
    "The heating did not work on the first night.",
    "The people could not have been kinder to our children.",
    "We would come again for the garden alone.",
)
_EQUIPMENT: Final = ("319", "320", "321", "738", "73H", "E90", "AT7", "CR9")

Documents = Iterator[tuple[str, str, dict[str, Any]]]


def documents(seed: int = 2016) -> Documents:
    """All documents as (collection, key, value); the same for the same seed."""
    dice = random.Random(seed)  # noqa: S311  no secrets are made here
    airlines = [_airline(dice, number) for number in range(_AIRLINES)]
    airports = [_airport(dice, number) for number in range(_AIRPORTS)]
    for number, airline in enumerate(airlines):
        yield "airline", f"airline_{number}", airline
    for number, airport in enumerate(airports):
        yield "airport", f"airport_{number}", airport
    for number in range(_ROUTES):
        yield "route", f"route_{number}", _route(dice, number, airlines, airports)
    for number in range(_HOTELS):
        yield "hotel", f"hotel_{number}", _hotel(dice, number, airports)


def _word(dice: random.Random, least: int = 2) -> str:
    return "".join(dice.choices(_SYLLABLES, k=dice.randint(least, 3))).capitalize()


def _code(number: int, letters: int) -> str:
    """The number-th code of so many letters, spread over the alphabet."""
    spread = number * 7919 % 26**letters
    return "".join(chr(65 + spread // 26**place % 26) for place in range(letters))


def _airline(dice: random.Random, number: int) -> dict[str, Any]:
    name = f"{_word(dice)} {dice.choice(_AIRLINE_KINDS)}"
    return {
        "id": number,
        "type": "airline",
        "name": name,
        "iata": _code(number, 2),
        "icao": _code(number, 3),
        "callsign": name.split(maxsplit=1)[0].upper(),
        "country": dice.choice(_COUNTRIES)[0],
    }


def _airport(dice: random.Random, number: int) -> dict[str, Any]:
    country, code, south, north, west, east = dice.choice(_COUNTRIES)
    city = _word(dice, 1) + dice.choice(_ENDINGS)
    return {
        "id": number,
        "type": "airport",
        "airportname": dice.choice((city, f"{city} International", f"{city} {_word(dice)}")),
        "city": city,
        "country": country,
        "faa": _code(number, 3),
        "icao": code + _code(number, 3)[:2],
        "tz": f"UTC{round((west + east) / 30):+d}",
        "geo": {
            "lat": round(dice.uniform(south, north), 6),
            "lon": round(dice.uniform(west, east), 6),
            "alt": dice.randint(0, 1500),
        },
    }


def _distance_km(a: dict[str, float], b: dict[str, float]) -> float:
    """Along the great circle."""
    first, second = math.radians(a["lat"]), math.radians(b["lat"])
    apart = math.radians(b["lon"] - a["lon"])
    cosine = math.sin(first) * math.sin(second) + math.cos(first) * math.cos(second) * math.cos(
        apart
    )
    return 6371.0 * math.acos(max(-1.0, min(1.0, cosine)))


def _route(
    dice: random.Random,
    number: int,
    airlines: list[dict[str, Any]],
    airports: list[dict[str, Any]],
) -> dict[str, Any]:
    airline = dice.choice(airlines)
    source, destination = dice.sample(airports, 2)
    return {
        "id": number,
        "type": "route",
        "airline": airline["iata"],
        "airlineid": f"airline_{airline['id']}",
        "sourceairport": source["faa"],
        "destinationairport": destination["faa"],
        "stops": 0 if dice.random() < 0.9 else 1,
        "equipment": dice.choice(_EQUIPMENT),
        "distance": round(_distance_km(source["geo"], destination["geo"]), 3),
        "schedule": [
            {
                "day": dice.randint(0, 6),
                "flight": f"{airline['iata']}{dice.randint(100, 999)}",
                "utc": f"{dice.randint(0, 23):02d}:{dice.randint(0, 59):02d}:00",
            }
            for _ in range(dice.randint(3, 10))
        ],
    }


def _hotel(dice: random.Random, number: int, airports: list[dict[str, Any]]) -> dict[str, Any]:
    near = dice.choice(airports)
    return {
        "id": number,
        "type": "hotel",
        "name": f"{dice.choice(_HOTEL_NAMES)} {dice.choice(_HOTEL_KINDS)} {_word(dice)}",
        "address": f"{dice.randint(1, 200)} {_word(dice)} Street",
        "city": near["city"],
        "country": near["country"],
        "geo": {
            "lat": round(near["geo"]["lat"] + dice.uniform(-0.2, 0.2), 6),
            "lon": round(near["geo"]["lon"] + dice.uniform(-0.2, 0.2), 6),
            "accuracy": "APPROXIMATE",
        },
        "price": dice.choice((None, dice.randint(30, 400))),
        "free_breakfast": dice.random() < 0.5,
        "free_internet": dice.random() < 0.8,
        "pets_ok": dice.random() < 0.3,
        "vacancy": dice.random() < 0.6,
        "description": " ".join(dice.sample(_OPINIONS, 2)),
        "public_likes": [f"{_word(dice)} {_word(dice)}" for _ in range(dice.randint(0, 8))],
        "reviews": [_review(dice) for _ in range(dice.randint(0, 6))],
    }


def _review(dice: random.Random) -> dict[str, Any]:
    ratings = {name: dice.randint(1, 5) for name in dice.sample(_RATED, 4)}
    ratings["Overall"] = round(sum(ratings.values()) / len(ratings))
    year, month, day = dice.randint(2010, 2016), dice.randint(1, 12), dice.randint(1, 28)
    return {
        "author": f"{_word(dice)} {_word(dice)}",
        "date": f"{year}-{month:02d}-{day:02d} 12:00:00 +0000",
        "content": " ".join(dice.sample(_OPINIONS, dice.randint(1, 4))),
        "ratings": ratings,
    }
