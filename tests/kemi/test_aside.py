"""Money set aside for refunds and transfers: never what calls hold, never credit, each operation once."""

from __future__ import annotations

from kemi.store.environment import Snapshot
from kemi.store.layout import Aside
from tests.kemi.world import CUSTOMER, EURO, World


def asides(world: World) -> dict[int, Aside]:
    """What operations have aside."""
    with world.rooms.store.read() as txn:
        return Snapshot(world.rooms.store, txn).asides()


def ask(world: World, operation: int, micros: int, account: int = CUSTOMER) -> dict[str, object]:
    """Asks for an amount; the answer."""
    world.do("set_aside", operation=operation, account=account, micros=micros)
    return world.events("set_aside")[-1]


def test_what_is_free_is_set_aside_and_taken(world: World) -> None:
    """Held at once, so that no call gets it; the balance falls when the ledger has posted it."""
    answer = ask(world, 7, 999 * EURO)
    assert (answer["operation"], answer["account"], answer["done"], answer["free"]) == (7, CUSTOMER, True, 1000 * EURO)
    assert asides(world) == {7: Aside(CUSTOMER, 999 * EURO)}
    assert (world.get(CUSTOMER).balance, world.get(CUSTOMER).held) == (1000 * EURO, 999 * EURO)
    world.do("take", operation=7)
    assert (world.get(CUSTOMER).balance, world.get(CUSTOMER).held, asides(world)) == (EURO, 0, {})


def test_what_is_let_go_can_be_spent_again(world: World) -> None:
    """Somebody thought better of it."""
    ask(world, 7, 1000 * EURO)
    assert world.invite().rule == "funds"
    world.do("let_go", operation=7)
    assert (world.get(CUSTOMER).balance, world.get(CUSTOMER).held) == (1000 * EURO, 0)
    world.talk()


def test_what_calls_hold_stays(world: World) -> None:
    """To the micro-unit."""
    world.talk()
    held = world.get(CUSTOMER).held
    assert held > 0
    answer = ask(world, 1, 1000 * EURO - held + 1)
    assert (answer["done"], answer["free"]) == (False, 1000 * EURO - held)
    assert (world.get(CUSTOMER).held, asides(world)) == (held, {})
    assert ask(world, 2, 1000 * EURO - held)["done"]
    assert world.get(CUSTOMER).available == 0


def test_credit_is_not_paid_out(world: World) -> None:
    """A limit lets an account call, not take money that it never had."""
    world.account(CUSTOMER, parent=3, credit_limit=500 * EURO)
    assert not ask(world, 1, 1000 * EURO + 1)["done"]


def test_an_account_that_is_not_known_gives_nothing(world: World) -> None:
    """Its configuration hasn't come yet."""
    assert not ask(world, 1, 0, account=99)["done"]


def test_an_operation_ends_once(world: World) -> None:
    """A second end, and the end of what was refused, change nothing."""
    ask(world, 1, 2000 * EURO)
    for end in ("take", "let_go"):
        world.do(end, operation=1)
    ask(world, 2, EURO)
    for end in ("take", "take", "let_go"):
        world.do(end, operation=2)
    assert (world.get(CUSTOMER).balance, world.get(CUSTOMER).held) == (999 * EURO, 0)


def test_the_answer_stands_in_the_journal(world: World) -> None:
    """The collector posts from there."""
    ask(world, 7, EURO)
    clerk = world.clerk()
    clerk.tick(world.now)
    clerk.close()
    line = next(line for line in world.journal() if line["e"] == "set_aside")
    assert (line["operation"], line["account"], line["done"], line["free"]) == (7, CUSTOMER, True, 1000 * EURO)
