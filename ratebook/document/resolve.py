"""Tariffs that take rates from each other: includes and derivations, resolved in the order of their need. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter

from ratebook.derive import derived
from ratebook.document.problems import Problems, shorten, suggestion
from ratebook.document.tariffs import Draft, Source
from ratebook.model import Rate, Tariff, Terms

DEPTH_MAX = 32
"""Tariffs that take from one another, one behind the other."""

Elsewhere = Callable[[str], Tariff | None]
"""A tariff that is none of the drafts, by the name that a source gives; None: there is none that may be seen."""


def resolve(drafts: dict[str, Draft], problems: Problems, elsewhere: Elsewhere = lambda _: None) -> dict[str, Tariff]:
    """The tariffs of the drafts, those left out that lack what they take from; faults are noted."""
    return _Resolver(drafts, problems, elsewhere).all()


class _Resolver:
    def __init__(self, drafts: dict[str, Draft], problems: Problems, elsewhere: Elsewhere) -> None:
        self._drafts = drafts
        self._problems = problems
        self._elsewhere = elsewhere
        self._done: dict[str, Tariff | None] = {}
        self._open: list[str] = []

    def all(self) -> dict[str, Tariff]:
        """Every draft's."""
        return {name: tariff for name in self._drafts if (tariff := self._tariff(name)) is not None}

    def _tariff(self, name: str) -> Tariff | None:
        if name not in self._done:
            self._open.append(name)
            self._done[name] = self._made(self._drafts[name])
            self._open.pop()
        return self._done[name]

    def _made(self, draft: Draft) -> Tariff | None:
        rates = draft.rates
        if draft.sources:
            sources = [self._source(draft, source) for source in draft.sources]
            if any(found is None for found in sources):
                return None
            rates = self._joined(draft, [found for found in sources if found is not None])
        return Tariff(draft.name, draft.currency, draft.timezone, tuple(rates))

    def _joined(self, draft: Draft, taken: list[list[Rate]]) -> list[Rate]:
        rates = list(draft.rates)
        known = {rate.prefix for rate in rates}
        own = set(known)
        for source, more in zip(draft.sources, taken, strict=True):
            twice = sum(rate.prefix in known and rate.prefix not in own for rate in more)
            if twice:
                said = f"{twice} rates of {source.name} have prefixes of a tariff before it"
                self._problems.warn(source.place, said, "these are left out")
            rates += [rate for rate in more if rate.prefix not in known]
            known |= {rate.prefix for rate in more}
        return sorted(rates, key=attrgetter("prefix"))

    def _source(self, draft: Draft, source: Source) -> list[Rate] | None:
        """The rates of a source as the draft takes them; None: there are none, which is noted."""
        tariff = self._named(draft, source)
        if tariff is None:
            return None
        exchanged = source.rule is not None and source.rule.currency
        if tariff.currency != draft.currency and not exchanged:
            said = f"{source.name} is in {tariff.currency}, this tariff in {draft.currency}"
            expected = "the same currency" + (", or `exchange:`" if source.rule else "; derive: can exchange")
            self._problems.add(source.place, said, expected)
            return None
        return list(_taken(tariff, source))

    def _named(self, draft: Draft, source: Source) -> Tariff | None:
        if len(self._open) > DEPTH_MAX:
            said = f"more than {DEPTH_MAX} tariffs take from one another, one behind the other"
            self._problems.add(source.place, said, "rates nearer to where they are used")
            return None
        folder = draft.name.rpartition("/")[0]
        for name in (f"{folder}/{source.name}" if folder else source.name, source.name):
            if name in self._open:
                way = " → ".join([*self._open[self._open.index(name) :], name])
                self._problems.add(source.place, f"the tariff takes from itself ({way})", "another tariff")
                return None
            if name in self._drafts:
                return self._tariff(name)  # None: its own fault says why
        found = self._elsewhere(source.name)
        if found is None:
            expected = f"the name of one{suggestion(source.name, self._drafts)}"
            self._problems.add(source.place, f"there is no tariff {shorten(source.name)}", expected)
        return found


def _taken(tariff: Tariff, source: Source) -> Iterator[Rate]:
    made: dict[Terms, Terms] = {}
    for rate in tariff.rates:
        if source.prefixes and not rate.prefix.startswith(source.prefixes):
            continue
        if source.rule is None:
            yield rate
            continue
        if rate.terms not in made:
            made[rate.terms] = derived(rate.terms, source.rule)
        yield rate._replace(terms=made[rate.terms])
