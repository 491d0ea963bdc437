"""`verify` and `undo`: a journal beside the vendor's records."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from loyalty_sdk import (
    Activity,
    ConfigurationError,
    Customer,
    JournalError,
    Order,
    PointsAdjustment,
    connect,
)
from loyalty_sdk.backfill import State, undo, verify, write_report
from loyalty_sdk_joy import AwardPoints, PointsPerUnit


async def _found(shop: Any, client: Any = None) -> list[tuple[str, str | None]]:
    differences = verify(client or shop.client, shop.journal)
    return [(each.kind.value, each.entry.key if each.entry else None) async for each in differences]


def _say(shop: Any, key: str, state: State) -> None:
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute("UPDATE rows SET state = ? WHERE key = ?", (state, key))


@pytest.mark.parametrize("shop", ["loyaltylion", "joy"], indirect=True)
async def test_nothing_differs_after_a_good_run(shop: Any, adjustments: Any) -> None:
    """Every customer's history is read, and it is what the journal says."""
    await shop.run(adjustments(40, customers=20))
    shop.sandbox.arrivals.clear()

    assert [] == await _found(shop)
    reads = [each for each in shop.sandbox.arrivals if each.method == "GET"]
    # Two rows of one customer share the pages they are on.
    assert 40 == len(reads) == len(shop.sandbox.arrivals)


@pytest.mark.parametrize("operation", ["adjust_points", "create_order"])
async def test_every_difference_is_told(
    shop: Any, adjustments: Any, orders: Any, operation: str
) -> None:
    """Missing, unexpected, landed after all, twice: by row."""
    rows = (adjustments if operation == "adjust_points" else orders)(6)
    await shop.run(rows, operation=operation)
    await getattr(shop.client, operation)(rows[1])
    _say(shop, getattr(rows[2], "reference", None) or rows[2].id, State.UNKNOWN)
    _say(shop, getattr(rows[3], "reference", None) or rows[3].id, State.REJECTED)
    query = (
        "INSERT INTO rows (ordinal, state, run, key, customer, amount) VALUES (?, ?, 1, ?, ?, ?)"
    )
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute(query, (9, State.APPLIED, "lost", "c0", "5"))
        database.execute(query, (10, State.WAITING, "later", "c0", "5"))

    kind = "r" if operation == "adjust_points" else "o"
    assert [
        ("doubled", f"{kind}-1"),
        ("landed", f"{kind}-2"),
        ("missing", "lost"),
        ("unexpected", f"{kind}-3"),
    ] == sorted(await _found(shop))


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_what_could_not_be_sent_is_no_difference(shop: Any) -> None:
    """An order too small to earn a point: the journal says that it was not, and it is not there."""
    given = shop.sandbox.settings("joy") | {"orders": PointsPerUnit(Decimal(1))}
    total = Decimal("0.4")
    rows = [Order(id="a", customer=Customer(id="1"), total=total, payment_status="paid")]
    async with connect("joy", settle=0.2, **given) as joy:
        summary = await shop.run(rows, client=joy, operation="create_order")

        assert 1 == summary.counts[State.INVALID]
        assert [] == await _found(shop, joy)


async def test_other_points_are_a_difference(shop: Any) -> None:
    """A removal that was clamped took less than was sent."""
    shop.sandbox.add_customer("loyaltylion", "1", points=3)
    await shop.run([PointsAdjustment(customer_id="1", points=-5, reference="a")])

    [found] = [each async for each in verify(shop.client, shop.journal)]
    assert ("points", "-3 points, where -5 were sent") == (found.kind, found.detail)


async def test_an_order_with_other_content_is_a_difference(shop: Any, orders: Any) -> None:
    """The shop may own its id."""
    await shop.run(orders(1), operation="create_order")
    other = Order(id="o-0", customer=Customer(id="9"), total=Decimal(77))
    await shop.client.create_order(other)

    assert [("points", "o-0")] == await _found(shop)


@pytest.mark.parametrize("marks", [True, False])
async def test_rows_are_looked_for_as_they_were_sent(shop: Any, *, marks: bool) -> None:
    """Whether their references stand there is the run's affair, not that of who looks."""
    shop.sandbox.add_customer("loyaltylion", "1", points=9)
    given = shop.sandbox.settings("loyaltylion")
    keys = {"a": -5, "b": -5, "c": 7}
    rows = [PointsAdjustment(customer_id="1", points=keys[key], reference=key) for key in keys]
    async with (
        connect("loyaltylion", **given, reference_in_reason=marks) as sends,
        connect("loyaltylion", **given, reference_in_reason=not marks) as looks,
    ):
        await shop.run(rows, client=sends)
        _say(shop, "c", State.REJECTED)
        expected: set[tuple[str, str | None]] = {("points", "b"), ("unexpected", "c")}
        if not marks:
            expected = {("undecided", "b"), ("undecided", None)}
        for client in (sends, looks):
            undone = await undo(client, shop.journal, shop.folder / "undo.jsonl")
            assert expected == set(await _found(shop, client))
            assert ((2, 9) if marks else (0, 0)) == (undone.written, undone.points)
            assert (0 if marks else 2) == undone.unclear


async def test_a_row_that_is_found_stands_for_no_other(shop: Any) -> None:
    """References were switched on in the middle: what carries one counts for its row alone."""
    given = shop.sandbox.settings("loyaltylion")
    rows = [PointsAdjustment(customer_id="1", points=5, reference=key) for key in "ab"]
    async with (
        connect("loyaltylion", **given) as unmarked,
        connect("loyaltylion", **given, reference_in_reason=True) as marked,
    ):
        await shop.run(rows[:1], client=unmarked)
        await shop.run(rows, client=marked)
        for client in (unmarked, marked):
            assert [] == await _found(shop, client)
        shop.sandbox.reset()
        await marked.adjust_points(rows[1])
        for client in (unmarked, marked):
            assert [("missing", "a")] == await _found(shop, client)


async def test_rows_that_carry_nothing_are_counted(shop: Any) -> None:
    """As many of each size must be there; more may be anybody's."""
    given = shop.sandbox.settings("loyaltylion")
    async with connect("loyaltylion", **given) as unmarked:
        rows = [PointsAdjustment(customer_id="1", points=5, reference=key) for key in "ab"]
        await shop.run(rows, client=unmarked)
        assert [] == await _found(shop, unmarked)
        await unmarked.adjust_points(rows[0])
        assert [("undecided", None)] == await _found(shop, unmarked)
        _say(shop, "a", State.UNKNOWN)
        assert [("undecided", None)] == await _found(shop, unmarked)
        _say(shop, "a", State.APPLIED)
        shop.sandbox.reset()
        await unmarked.adjust_points(rows[0])
        assert [("missing", "b")] == await _found(shop, unmarked)


async def test_what_cannot_be_read_is_undecided(shop: Any, adjustments: Any) -> None:
    """A key that may not read decides nothing."""
    await shop.run(adjustments(1))
    shop.sandbox.faults.add("error", match="GET", status=403)

    assert [("undecided", "r-0"), ("undecided", None)] == await _found(shop)


async def test_an_activity_that_is_not_recorded_is_undecided(shop: Any) -> None:
    """It may never be; one that is recorded is fine."""
    ada = Customer(id="1", email="ada@example.com")
    rows = [Activity(name="$signup", customer=ada, id=key) for key in "ab"]
    await shop.run(rows, operation="track_activity")
    assert [] == await _found(shop)
    shop.sandbox.reset()
    await shop.client.track_activity(rows[0])

    assert [("undecided", "$signup:b")] == await _found(shop)


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_social_interactions_cannot_be_verified(shop: Any) -> None:
    """They leave nothing to find them by."""
    from loyalty_sdk_joy import SocialInteraction

    meaning = {"follow": SocialInteraction("follow_instagram")}
    given = shop.sandbox.settings("joy") | {"activities": meaning}
    async with connect("joy", **given) as client:
        shop.sandbox.add_customer("joy", "1")
        rows = [Activity(name="follow", customer=Customer(id="1"), id="a")]
        await shop.run(rows, client=client, operation="track_activity")
        assert [("undecided", "follow:a")] == await _found(shop, client)
        undone = await undo(client, shop.journal, shop.folder / "undo.jsonl")
    assert (0, 1) == (undone.written, undone.unclear)


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_balances_that_do_not_follow_are_told(shop: Any, adjustments: Any) -> None:
    """A row that is not listed leaves a gap in the balances."""
    await shop.run(adjustments(3, customers=1))
    account = shop.sandbox.vendor("joy").ledger.account("c0")
    [middle] = [row for row in account.entries.rows if row.points == 2]
    account.entries.rows.remove(middle)

    assert [("undecided", "r-1"), ("balance", None)] == await _found(shop)


async def test_a_journal_without_rows_differs_in_nothing(shop: Any) -> None:
    """There is nobody to ask about."""
    await shop.run([])
    assert [] == await _found(shop)


async def test_leaving_early_leaves_nothing_open(shop: Any, adjustments: Any) -> None:
    """Whoever has seen enough may go."""
    await shop.run(adjustments(40, customers=40))
    shop.sandbox.reset()
    differences = verify(shop.client, shop.journal)
    async for found in differences:
        assert "missing" == found.kind
        break
    await differences.aclose()


@pytest.mark.parametrize("make", [verify, undo])
async def test_a_journal_must_be_there_and_of_that_vendor(
    shop: Any, adjustments: Any, make: Any
) -> None:
    """An empty one is none either."""

    async def use(client: Any) -> None:
        if make is undo:
            await undo(client, shop.journal, shop.folder / "x")
        else:
            _ = [each async for each in verify(client, shop.journal)]

    with pytest.raises(JournalError, match="there is no journal"):
        await use(shop.client)
    shop.journal.write_bytes(b"")
    with pytest.raises(JournalError, match="is empty"):
        await use(shop.client)
    await shop.run(adjustments(1))
    async with connect("joy", **shop.sandbox.settings("joy")) as joy:
        with pytest.raises(JournalError, match=r"is the journal of loyaltylion at .*, not of joy"):
            await use(joy)


# ---------------------------------------------------------------- undo


@pytest.mark.parametrize("shop", ["loyaltylion", "joy"], indirect=True)
async def test_undoing_takes_back_exactly_what_was_applied(shop: Any, adjustments: Any) -> None:
    """The file it writes is the input of another backfill; played twice, it counts once."""
    shop.sandbox.add_customer(shop.provider, "c1", points=3)
    before = [sum(shop.points(f"c{n}")) for n in range(3)]
    rows = [*adjustments(6), PointsAdjustment(customer_id="c2", points=-500, reference="all")]
    await shop.run(rows)

    undone = await undo(shop.client, shop.journal, shop.folder / "undo.jsonl")
    assert (7, 0, 0) == (undone.written, undone.unclear, undone.unknown)
    for _ in range(2):
        summary = await shop.run(undone.path, journal=shop.folder / "journal of undoing")
        assert 7 == summary.applied

    assert before == [sum(shop.points(f"c{n}")) for n in range(3)]
    first = json.loads(undone.path.read_text().splitlines()[0])
    assert {"customer_id": "c0", "points": -4, "reason": "Correction", "reference": "undo:r-3"} == (
        first
    )


async def test_undoing_an_order_takes_back_what_it_earned(shop: Any, orders: Any) -> None:
    """That is the vendor's to say; an order that earned nothing is unclear."""
    await shop.run(orders(6), operation="create_order")
    free = Order(id="free", customer=Customer(id="c0"), total=Decimal(3), payment_status="not_paid")
    await shop.run([*orders(6), free], operation="create_order")
    _say(shop, "o-5", State.UNKNOWN)

    undone = await undo(shop.client, shop.journal, shop.folder / "undo.jsonl")

    assert (5, -15, 1, 1) == (undone.written, undone.points, undone.unclear, undone.unknown)


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_undoing_what_the_vendor_said_it_changed(shop: Any) -> None:
    """Joy's answers say what activities and orders earned."""
    given = shop.sandbox.settings("joy")
    ada = Customer(id="1")
    order = Order(id="a", customer=ada, total=Decimal(5))
    activity = Activity(name="x", customer=ada, id="a")
    played: list[tuple[str, Any, Any]] = [
        ("create_order", {"orders": PointsPerUnit(Decimal(2))}, order),
        ("track_activity", {"activities": {"x": AwardPoints(7)}}, activity),
    ]
    for operation, meaning, row in played:
        async with connect("joy", **given, **meaning) as client:
            journal = shop.folder / operation
            await shop.run([row], client=client, operation=operation, journal=journal)
            with closing(sqlite3.connect(journal, isolation_level=None)) as database:
                database.execute("UPDATE rows SET points = NULL")
            undone = await undo(client, journal, shop.folder / "undo.jsonl")
            assert (1, 0) == (undone.written, undone.unclear)
            assert {"create_order": -10, "track_activity": -7}[operation] == undone.points


@pytest.mark.parametrize("shop", ["joy"], indirect=True)
async def test_an_activity_is_found_again_whatever_its_name(shop: Any) -> None:
    """Its key in the journal holds the name, which may hold what parts it from the id."""
    given = shop.sandbox.settings("joy")
    rows = [Activity(name="re:view", customer=Customer(id="1"), id="a:b")]
    async with connect("joy", **given, activities={"re:view": AwardPoints(7)}) as client:
        await shop.run(rows, client=client, operation="track_activity")
        with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
            database.execute("UPDATE rows SET points = NULL")

        assert [] == await _found(shop, client)
        undone = await undo(client, shop.journal, shop.folder / "undo.jsonl")

    assert (1, -7, 0) == (undone.written, undone.points, undone.unclear)


async def test_what_cannot_be_read_is_unclear(shop: Any) -> None:
    """Nothing is guessed: a removal may have been less than was asked for."""
    await shop.run([PointsAdjustment(customer_id="1", points=-5, reference="a")])
    shop.sandbox.faults.add("error", match="GET", status=403)

    undone = await undo(shop.client, shop.journal, shop.folder / "undo.jsonl")

    assert (0, 1) == (undone.written, undone.unclear)


async def test_rows_that_changed_nothing_need_no_undoing(shop: Any) -> None:
    """A removal from nothing took nothing."""
    await shop.run([PointsAdjustment(customer_id="1", points=-5, reference="a")])

    undone = await undo(shop.client, shop.journal, shop.folder / "undo.jsonl")

    assert (0, 0) == (undone.written, undone.unclear)


async def test_a_file_that_cannot_be_written_is_said(shop: Any, adjustments: Any) -> None:
    """And nothing else happens."""
    await shop.run(adjustments(1))
    with pytest.raises(JournalError, match="No such file"):
        await undo(shop.client, shop.journal, shop.folder / "no" / "undo.jsonl")


async def test_each_lacking_row_that_carries_nothing_is_told(shop: Any) -> None:
    """Equal ones too; a removal of less than was asked for may be it, and is not called lost."""
    given = shop.sandbox.settings("loyaltylion")
    async with connect("loyaltylion", settle=0.2, **given) as unmarked:
        rows = [("a", 5), ("b", -20), ("c", 3)]
        made = [PointsAdjustment(customer_id="1", points=n, reference=key) for key, n in rows]
        await shop.run(made, client=unmarked)
        assert [5, -5, 3] == shop.points("1")
        assert [("undecided", "b")] == await _found(shop, unmarked)

        more = [PointsAdjustment(customer_id="2", points=7, reference=key) for key in "xyz"]
        await shop.run(more, client=unmarked, journal=shop.folder / "more")
        shop.sandbox.reset()
        shop.sandbox.add_customer("loyaltylion", "2")
        gone = [each.entry async for each in verify(unmarked, shop.folder / "more")]
    assert ["x", "y", "z"] == [entry.key for entry in gone if entry]


async def test_undoing_a_doubled_row_takes_back_all_of_it(shop: Any, adjustments: Any) -> None:
    """The journal knows that it stands there twice, and so does the vendor."""
    [row] = adjustments(1)
    await shop.run([row])
    await shop.client.adjust_points(row)
    with closing(sqlite3.connect(shop.journal, isolation_level=None)) as database:
        database.execute("UPDATE rows SET error = 'it stands there 2 times'")

    done = await undo(shop.client, shop.journal, shop.folder / "undo.jsonl")
    assert (1, -2) == (done.written, done.points)


async def test_nothing_is_written_over_the_journal(shop: Any, adjustments: Any) -> None:
    """Without it all would be sent again."""
    await shop.run(adjustments(1))
    whole = shop.journal.read_bytes()

    with pytest.raises(ConfigurationError, match="journal would be overwritten"):
        await undo(shop.client, shop.journal, shop.journal)
    with pytest.raises(ConfigurationError, match="journal would be overwritten"):
        write_report(shop.journal, shop.journal)
    with pytest.raises(ConfigurationError, match="journal would be overwritten"):
        shop.backfill(adjustments(1), rejected=shop.journal)
    for beside in ("-wal", ".lock", ".rejected.jsonl"):
        with pytest.raises(ConfigurationError, match=f"{beside} would be overwritten"):
            write_report(shop.journal, shop.folder / f"journal{beside}")
        with pytest.raises(ConfigurationError, match=f"{beside} would be overwritten"):
            await undo(shop.client, shop.journal, shop.folder / f"journal{beside}")
    file = shop.folder / "rows.csv"
    file.write_text("customer_id,points\n1,5\n")
    with pytest.raises(ConfigurationError, match=r"rows\.csv would be overwritten"):
        shop.backfill(file, rejected=file)
    assert whole == shop.journal.read_bytes()


async def test_nothing_is_written_over_a_journal_that_is_called_like_a_part(
    shop: Any, adjustments: Any
) -> None:
    """Files have such names until they are whole, and it would be gone before that."""
    part, hidden = shop.folder / "a.part", shop.folder / ".b.part"
    for journal in (part, hidden):
        await shop.run(adjustments(1), journal=journal)
    whole = part.read_bytes(), hidden.read_bytes()

    with pytest.raises(ConfigurationError, match=r"a\.part would be overwritten"):
        await undo(shop.client, part, shop.folder / "a")
    with pytest.raises(ConfigurationError, match=r"a\.part would be overwritten"):
        shop.backfill(adjustments(1), journal=part, rejected=shop.folder / "a")
    with pytest.raises(ConfigurationError, match=r"\.b\.part would be overwritten"):
        write_report(hidden, shop.folder / "b")
    assert whole == (part.read_bytes(), hidden.read_bytes())


@pytest.mark.parametrize(
    "held",
    [
        "customer_id,points\n1,5\n",
        '{"customer_id": "1", "points": 5, "reference": "r-0"}\n',
        '{"customer_id": "1", "points": 5, "reference": "undo:its-own"}\n',
        '{"customer_id": "1", "points": 5}\n',
        "[1]\n",
        "[" * 100_000,
        "undo:r-0",
    ],
)
@pytest.mark.parametrize("name", ["undo.jsonl", "undo.jsonl.part"])
async def test_undoing_replaces_only_what_undid_something(
    shop: Any, adjustments: Any, held: str, name: str
) -> None:
    """Whatever else is there may be the only one of its kind, as the backfill's own input is."""
    await shop.run([PointsAdjustment(customer_id="1", points=5, reference="undo:its-own")])
    other, target = shop.folder / name, shop.folder / "undo.jsonl"
    other.write_text(held)
    with pytest.raises(ConfigurationError, match=f"{name} would be overwritten"):
        await undo(shop.client, shop.journal, target)
    assert held == other.read_text()

    other.write_text("")
    assert 1 == (await undo(shop.client, shop.journal, target)).written
    assert not (await undo(shop.client, shop.journal, target)).replaced
    assert (await undo(shop.client, shop.journal, target, reason="Another")).replaced
