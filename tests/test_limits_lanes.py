"""Lanes: who is next. First come, first served; customers in turn; bulk has its share."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_sdk._lanes import Lane, LaneName, Lanes, Waiter


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that never runs: only futures are made in it."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def join(lane: Lane, loop: asyncio.AbstractEventLoop, key: Hashable = None) -> Waiter:
    """Somebody new at the end of ``lane``."""
    waiter = Waiter(loop.create_future(), loop, lane, key, float("inf"), 0.0)
    waiter.group = waiter if key is None else key
    lane.add(waiter)
    return waiter


def test_without_customers_it_is_first_come_first_served(loop: asyncio.AbstractEventLoop) -> None:
    """Everybody counts for itself."""
    lane = Lane()
    waiters = [join(lane, loop) for _ in range(50)]
    assert waiters == [lane.pop() for _ in range(50)]
    assert 0 == lane.waiting


def test_a_customer_with_ten_thousand_does_not_hold_up_the_others(
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Those who come later are served next but for one."""
    lane = Lane()
    for _ in range(10_000):
        join(lane, loop, "big")
    small, single = join(lane, loop, "small"), join(lane, loop)

    served = [lane.pop() for _ in range(4)]
    assert ["big", "small", single, "big"] == [waiter.group for waiter in served]
    assert served[1:3] == [small, single]


@given(keys=st.lists(st.none() | st.sampled_from("abc"), min_size=1, max_size=60))
def test_turns_are_fair_and_in_order(loop: asyncio.AbstractEventLoop, keys: list[str]) -> None:
    """Each customer is served in its own order, and none twice while another waits in between."""
    lane = Lane()
    came = [join(lane, loop, key) for key in keys]
    numbers = {id(waiter): number for number, waiter in enumerate(came)}
    left = Counter(waiter.group for waiter in came)
    since: dict[object, set[object]] = defaultdict(set)
    last: dict[object, int] = {}
    while lane.waiting:
        waiter = lane.pop()
        group = waiter.group
        waiting = {other for other, count in left.items() if count and other != group}
        assert group not in last or waiting <= since[group], "somebody was passed over"
        assert last.get(group, -1) < numbers[id(waiter)]
        last[group] = numbers[id(waiter)]
        left[group] -= 1
        since[group] = set()
        for others in since.values():
            others.add(group)
    assert 0 == sum(left.values())


@given(keys=st.lists(st.none() | st.sampled_from("ab"), min_size=1, max_size=40), data=st.data())
def test_who_leaves_is_not_served(
    loop: asyncio.AbstractEventLoop, keys: list[str], data: st.DataObject
) -> None:
    """All others are, once each; leaving twice changes nothing."""
    lane = Lane()
    came = [join(lane, loop, key) for key in keys]
    leaving = data.draw(st.lists(st.sampled_from(came)))
    assert [True] * len({id(each) for each in leaving}) == [
        left for waiter in leaving if (left := lane.discard(waiter))
    ]

    staying = {id(waiter) for waiter in came} - {id(waiter) for waiter in leaving}
    assert len(staying) == lane.waiting == len(lane.everybody())
    assert staying == {id(lane.pop()) for _ in range(lane.waiting)}


@given(keys=st.lists(st.none() | st.sampled_from("abc"), max_size=30), key=st.sampled_from("abcd"))
def test_at_least_so_many_are_ahead(
    loop: asyncio.AbstractEventLoop, keys: list[str], key: str
) -> None:
    """What is said of the wait before it begins is never too much."""
    lane = Lane()
    for each in keys:
        join(lane, loop, each)
    expected = lane.ahead(key)
    new = join(lane, loop, key)
    served = [lane.pop() for _ in range(lane.waiting)]

    assert expected <= served.index(new)
    if set(keys) <= {None}:
        assert expected == served.index(new)


def fill(lanes: Lanes, loop: asyncio.AbstractEventLoop, **counts: int) -> None:
    """So many in each lane."""
    for _ in range(counts.get("interactive", 0)):
        join(lanes.interactive, loop)
    for _ in range(counts.get("bulk", 0)):
        join(lanes.bulk, loop)


def names(lanes: Lanes, count: int) -> list[LaneName]:
    """The lanes of the next ones."""
    return ["bulk" if lanes.pop().lane is lanes.bulk else "interactive" for _ in range(count)]


def test_interactive_goes_first_and_bulk_has_one_turn_in_ten(
    loop: asyncio.AbstractEventLoop,
) -> None:
    """However many wait in the other lane; neither starves."""
    lanes = Lanes()
    fill(lanes, loop, interactive=1000, bulk=1000)
    turns = names(lanes, 1000)

    assert 100 == turns.count("bulk")
    assert "interactive" == turns[0]
    gaps = [number for number, name in enumerate(turns) if name == "bulk"]
    assert list(range(9, 1000, 10)) == gaps
    assert 1000 == lanes.waiting


def test_an_interactive_call_waits_for_no_more_than_one_of_bulk(
    loop: asyncio.AbstractEventLoop,
) -> None:
    """A thousand that came before it do not matter, and their share was not saved up."""
    lanes = Lanes()
    fill(lanes, loop, bulk=1000)
    names(lanes, 500)
    fill(lanes, loop, interactive=1)
    assert "interactive" in names(lanes, 2)


def test_bulk_alone_takes_everything(loop: asyncio.AbstractEventLoop) -> None:
    """What is left is all there is, where nobody else waits."""
    lanes = Lanes()
    fill(lanes, loop, bulk=100)
    assert ["bulk"] * 100 == names(lanes, 100)
    assert lanes.bulk is lanes.of("bulk")
    assert lanes.interactive is lanes.of("interactive")
    fill(lanes, loop, interactive=2, bulk=1)
    assert 3 == len(lanes.everybody())


def test_a_lane_says_what_became_of_those_who_came() -> None:
    """As plain attributes, and in its text."""
    lane = Lane()
    lane.count(0.5)
    lane.count(0.25)
    assert (2, 2, 0.75) == (lane.grants, lane.waits, lane.waited)
    assert "<Lane grants=2 waits=2 waited=0.750 waiting=0>" == repr(lane)
