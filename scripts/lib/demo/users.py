"""Who is generated, and how they change. The same seed gives the same people and the same changes; values only."""

from __future__ import annotations

from random import Random
from typing import Any, Dict, Iterator, List

User = Dict[str, Any]

FIRSTNAMES = {
    "f": "Ada Aisha Chen Elif Freya Ines Judit Lea Maja Nora Olga Rosa Yuki Zoë".split(),
    "m": "Abel Bela Cem Egon Finn Hugo Ivan Jan Kofi Lars Milo Omar Péter Taro".split(),
}
LASTNAMES = "Bauer Costa Diaz Eder Farkas Gruber Haddad Ito Janssen Kovács Lima Müller Nagy Okafor Rossi Sato Weiß".split()
TAGS = "amber cedar coral hazel indigo maple olive pearl sage teal".split()

YOUNGEST, OLDEST = 18, 90
# An array long enough that pushing, pulling and truncating each leave a trace of their own.
FIRST_TAGS = 3


class Generator:
    """People by number, from one stream of chances."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)

    def users(self, count: int, first: int = 1) -> Iterator[User]:
        """Users as the schema begins: `_id`, names, age, email."""
        for number in range(first, first + count):
            yield {key: value for key, value in self._person(number).items() if key != "sex"}

    def users_with_sex(self, count: int, first: int) -> Iterator[User]:
        """Users as the schema goes on: the same with `sex`."""
        for number in range(first, first + count):
            yield self._person(number)

    def sexes(self, numbers: List[int]) -> Dict[int, str]:
        """What the old users turn out to be."""
        return {number: self._chance.choice("fm") for number in numbers}

    def tags(self) -> List[str]:
        """A first set of tags."""
        return self._chance.sample(TAGS, FIRST_TAGS)

    def age(self) -> int:
        """Some age."""
        return self._chance.randint(YOUNGEST, OLDEST)

    def some(self, numbers: List[int], count: int) -> List[int]:
        """A choice of that many numbers, sorted."""
        return sorted(self._chance.sample(numbers, count))

    def shuffled(self, things: List[Any]) -> List[Any]:
        """The same in another order."""
        return self._chance.sample(things, len(things))

    def _person(self, number: int) -> User:
        sex = self._chance.choice("fm")
        firstname = self._chance.choice(FIRSTNAMES[sex])
        lastname = self._chance.choice(LASTNAMES)
        email = f"{firstname}.{lastname}@example.org".lower()
        return {"_id": number, "firstname": firstname, "lastname": lastname, "age": self.age(), "email": email, "sex": sex}
