"""`kambill`: noun, then verb. Commands are imported when they are called, so that `--help` is quick."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from service.cli.groups import Verbs, only_here, url_of
from service.faults import Fault

COMMANDS = {
    "serve": ("serve", "Run the service: collector, commands, publisher, HTTP."),
    "apply": ("apply", "Bring accounts, trunks, providers and plans to what a file says."),
    "export": ("export", "Write what `apply` reads."),
    "account": ("account", "Accounts with their balances."),
    "user": ("user", "People who sign in: invite, edit, suspend, unlock; the first Super Admin."),
    "role": ("", "What people may: sets of permissions."),
    "permission": ("", "Everything that can be allowed."),
    "token": ("", "Tokens of programs."),
    "session": ("", "Who is signed in; signing in and out."),
    "password": ("", "Choose a password by a link."),
    "me": ("", "Who am I, and what may I?"),
    "trunk": ("", "How accounts' traffic arrives."),
    "device": ("", "Telephones that sign in by a password."),
    "number": ("", "Telephone numbers, and whose they are."),
    "special": ("", "Emergency and free numbers, which need no money."),
    "translation": ("", "What becomes of numbers that begin in a certain way."),
    "gateway": ("", "Where traffic leaves."),
    "plan": ("", "Routing plans: by which gateways calls go."),
    "ban": ("", "Senders whose SIP messages nobody looks at: list, make, lift."),
    "limit": ("", "What calls may come to in an hour or a day, by account and trunk."),
    "filter": ("", "Numbers that may, or may not, call and be called."),
    "range": ("", "High-risk ranges: listed, opened and closed for accounts."),
    "pattern": ("", "Calls that look like fraud, by trunk, gateway or provider."),
    "alarm": ("", "Limits that were crossed, and what that has suspended."),
    "porting": ("", "Lists of numbers that have moved to another network."),
    "webhook": ("", "Servers that are told of what happens."),
    "audit": ("", "Who changed what."),
    "pay": ("pay", "Post a payment."),
    "payment": ("", "Payments, corrections, refunds, transfers; the lines of an account's books."),
    "operation": ("", "Refunds and transfers on their way."),
    "brand": ("", "What a seller shows: name, address, colours, logo."),
    "numbering": ("", "How a seller's invoices, credit notes and receipts are numbered."),
    "receipt": ("", "Receipts: one for each payment, on paper too."),
    "receipt-mail": ("", "Of which payments an account gets its receipts by mail."),
    "party": ("", "Who accounts are on paper: names, addresses, tax numbers."),
    "terms": ("", "When and how accounts are billed."),
    "tax": ("", "Taxes that sellers ask for, and who pays which."),
    "invoice": ("", "Invoices and credit notes: run, look, issue, credit."),
    "dunning": ("", "What is done about invoices that are not paid: terms, exemptions, what was done."),
    "balance-alert": ("", "Who is told when a balance falls low."),
    "voucher": ("", "Vouchers: make batches, use a code."),
    "bank-line": ("", "Files of a seller's bank: what was posted, what waits for a person."),
    "bank-layout": ("", "How CSV of a seller's banks is read: kept from their last files."),
    "payment-gateway": ("", "Where customers pay, and what gateways have told."),
    "recharge": ("", "Recharging an account by itself: when, how much, by which card."),
    "top-up": ("", "What customers pay at gateways."),
    "commission": ("", "What commission resellers earn: rules, report, payouts."),
    "mail-template": ("", "What a seller's mails say."),
    "mail": ("", "Mails: what came of each, and those that came back."),
    "broadcast": ("", "Mails to many: write, count, try, send, pause, cancel."),
    "suppression": ("", "Addresses that get no broadcast."),
    "rate-notice": ("", "Customers who are told of rates that change: look, send earlier, call off."),
    "notice-terms": ("", "How sellers tell of rates that change, and how accounts are told."),
    "report": ("", "Calls and money, summed up by what one asks for."),
    "report-schedule": ("", "Reports by mail: how often, for whom."),
    "call": ("call", "Running calls: list them, cut one."),
    "cdr": ("cdr", "Call records with every level's charge."),
    "delivery": ("", "Files of call records: to whom, what stands in them, what became of them."),
    "reconciliation": ("", "Partners' call records beside ours: what differs, and the money at stake."),
    "statement": ("", "What partners owe us and are owed, netted: look, issue, settle."),
    "dispute": ("", "What a partner and we count differently: open, move, settle."),
    "commitment": ("", "Volumes that were agreed on with a partner: how far, and what a period is settled by."),
    "exchange": ("", "Rates of exchange as they were published."),
    "tariff": ("tariff", "Check the ratebook, price a call by it, publish it."),
    "rerating": ("", "Calls that are rated again: what was asked for, and how far it is."),
    "correction": ("", "What of calls was charged wrongly, and rightly."),
    "journal": ("journal", "Read the call journal: what happened, line by line."),
    "doctor": ("doctor", "Check that everything adds up, on the running system."),
    "completion": ("completion", "Print a shell's completion script."),
}
"""Command, its module here (empty: a noun of the API, all of its verbs made from the endpoints), what it does."""
ANYWHERE = frozenset({"serve", "completion", "apply", "tariff"})
"""Commands that ask no service for anything, or can't be mistaken for one that does."""
COLLECTED_EVERY = 50_000
"""So many new objects before one looks for garbage; Python's own 700 make a fifth of what a start costs."""


class Commands(click.Group):
    """The table above as click wants it."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """In the table's order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command. What the table doesn't know may be a noun of the API's all the same."""
        module, text = COMMANDS.get(cmd_name, ("", ""))
        if not module:
            return _noun(cmd_name, text)
        command: click.Command = importlib.import_module(f"service.cli.{module}").command
        if url_of(ctx) and not isinstance(command, Verbs) and cmd_name not in ANYWHERE:
            raise only_here(cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """From the table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


def _noun(name: str, text: str) -> click.Command | None:
    if name not in COMMANDS:
        from service.cli.verbs import nouns  # noqa: PLC0415 -- half a second

        if name not in nouns():
            return None
    return Verbs(name=name, noun=name, help=text)


def _tell_version(ctx: click.Context, _option: click.Parameter, wanted: bool) -> None:  # noqa: FBT001 -- click's
    """The installed release; in a clone that isn't installed, pyproject's."""
    if not wanted or ctx.resilient_parsing:
        return
    from service.version import release  # noqa: PLC0415

    click.echo(f"kambill, version {release()}")
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_tell_version, help="Tell it.")
@click.option("--url", envvar="KAMBILL_URL", metavar="URL", help="Ask the service at this address (or KAMBILL_URL).")
def kambill(url: str | None) -> None:
    """Billing for SIP traffic inside Kamailio.

    Configuration: the file that KAMBILL_CONFIG names, else /etc/kambill/kambill.yaml. With --url the commands that the
    API has go there, as whoever the token in KAMBILL_TOKEN belongs to.
    """


@contextmanager
def told() -> Iterator[None]:
    """Turns what is expected into lines on standard error and exit code 1."""
    try:
        yield
    except Fault as fault:
        click.echo(str(fault), err=True)
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


def _check_words(words: list[str]) -> None:
    """Raises Fault: what Python could not read as text is text for no database and no service."""
    for place, word in enumerate(words, start=1):
        if not word.isascii() and any("\ud800" <= char <= "\udfff" for char in word):
            raise Fault(f"word {place}, {word!r}, is no UTF-8: write it in the terminal's own encoding, UTF-8")


def main() -> None:
    """The console script. Exit codes: 0 done, 1 a fault that was told, 2 wrong usage, 130 interrupted."""
    gc.set_threshold(COLLECTED_EVERY)  # what is imported stays
    with told():
        _check_words(sys.argv[1:])
        kambill.main(prog_name="kambill")
    sys.exit(0)
