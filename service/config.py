"""The service's configuration: kambill.yaml, read once and checked as a whole.

The path is KAMBILL_CONFIG, else /etc/kambill/kambill.yaml. A missing file at the default path means the
defaults; a path that somebody named must exist.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from kemi.store.headers import OURS, is_name
from service.faults import Fault
from service.zones import zones

DEFAULT_PATH = Path("/etc/kambill/kambill.yaml")
CONFIG_BYTES_MAX = 256 * 1024
"""A configuration beyond this is another file by mistake."""
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class ConfigFault(Fault):
    """The configuration can't be used. Its text is one line a fault: where, what, what to do."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults
        super().__init__("\n".join(faults))


def _absolute(path: Path) -> Path:
    if not path.is_absolute():
        raise ValueError(f"{str(path)!r} is relative: write it from the root, such as /var/lib/kambill")
    return path


def _zone(name: str) -> str:
    if name not in zones():
        raise ValueError(f"no time zone {name!r}: write a name such as Europe/Berlin or UTC")
    return name


def _zone_or_none(name: str) -> str:
    return _zone(name) if name else name


def _addresses(texts: list[str]) -> list[str]:
    for text in texts:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise ValueError(f"{text!r} is no address: write the DNS server's IPv4 or IPv6 address") from None
    return texts


def _networks(texts: list[str]) -> list[str]:
    for text in texts:
        try:
            ipaddress.ip_network(text)
        except ValueError:
            raise ValueError(f"{text!r} is no address or network: write 10.0.0.7 or 10.0.0.0/24") from None
    return texts


Folder = Annotated[Path, AfterValidator(_absolute)]


def _header_names(names: tuple[str, ...]) -> tuple[str, ...]:
    for name in names:
        if is_name(name) is None:
            raise ValueError(f"{name!r} is no header's name: write one such as User-to-User")
        if name.lower() in OURS:
            raise ValueError(f"{name!r} is never passed on: what it says is said by Kambill alone")
    return names


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Listen(_Section):
    """Where the service's HTTP stands."""

    host: str = "127.0.0.1"
    port: int = Field(default=8660, ge=1, le=65535)
    metrics_from: Annotated[list[str], AfterValidator(_networks)] = Field(default=[], max_length=32)
    """Addresses and networks that /metrics and /readyz are answered to, beside this machine's own."""
    proxies: Annotated[list[str], AfterValidator(_networks)] = Field(default=[], max_length=32)
    """Addresses and networks whose X-Forwarded-For is believed: of the proxies before the service."""


class ApiRates(_Section):
    """How often one may ask the API."""

    requests_per_minute: int = Field(default=3_000, ge=10, le=1_000_000)
    """Of one token or session."""
    unknown_per_minute: int = Field(default=60, ge=5, le=1_000_000)
    """Of one address, where nobody is known yet: signing in, forgotten passwords; so many tokens of nobody's, too, and
    ten times as many pages.
    """


class Webhooks(_Section):
    """What is told to other people's servers."""

    private_addresses: bool = False
    """Whether they may stand in private networks and on this machine, and be asked without TLS: for laboratories."""
    timeout_s: int = Field(default=10, ge=1, le=60)


class CallPath(_Section):
    """What holds for every call: `kemi.store.layout.Settings`, which tells what each one means."""

    first_hold_s: int = Field(default=10, ge=5, le=600)
    """At least 5: while money is short it is a grant's length too, and the meter looks each second."""
    grant_s: int = Field(default=100, ge=10, le=3600)
    extend_before_s: int = Field(default=10, ge=2, le=600)
    max_call_s: int = Field(default=14_400, ge=60, le=86_400)
    reap_after_s: int = Field(default=5, ge=2, le=60)
    ack_wait_s: int = Field(default=32, ge=1, le=60)
    flood_per_s: int = Field(default=100, ge=10, le=100_000)
    flood_listed_per_s: int = Field(default=3_000, ge=100, le=1_000_000)
    refusals_per_s: int = Field(default=500, ge=10, le=100_000)
    strikes_per_minute: int = Field(default=60, ge=5, le=100_000)
    ban_s: int = Field(default=900, ge=1, le=31_536_000)
    digest: Literal["MD5", "SHA-256"] = "MD5"
    """SHA-256 where every telephone can: the other one is no way in then."""
    register_min_s: int = Field(default=60, ge=10, le=3_600)
    register_max_s: int = Field(default=3_600, ge=60, le=86_400)
    on_net_free: bool = False
    pass_headers: Annotated[tuple[str, ...], AfterValidator(_header_names)] = Field(default=(), max_length=32)
    shed_queue_percent: int = Field(default=50, ge=0, le=90)


class Portability(_Section):
    """Whom the service asks about numbers that may have moved to another network."""

    source: Literal["none", "enum", "http"] = "none"
    domain: str = Field(default="e164.arpa", pattern=r"^[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$")
    """Of ENUM (RFC 6116)."""
    servers: Annotated[list[str], AfterValidator(_addresses)] = Field(default=[], max_length=8)
    """Addresses of DNS servers; none: the machine's own."""
    port: int = Field(default=53, ge=1, le=65535)
    url: str = Field(default="", pattern=r"^(https?://[!-~]*\{number\}[!-~]*)?$")
    """Of an HTTP look-up, `{number}` where the number goes."""
    timeout_ms: int = Field(default=1_000, ge=50, le=10_000)
    ttl_max_s: int = Field(default=86_400, ge=1, le=30 * 86_400)
    """No answer holds longer, whatever it says."""
    ttl_none_s: int = Field(default=3_600, ge=1, le=30 * 86_400)
    """How long it holds that a number has not moved, where the answer doesn't say."""
    at_once: int = Field(default=20, ge=1, le=200)
    """Questions on their way at a time."""

    @model_validator(mode="after")
    def _whole(self) -> Portability:
        if self.source == "http" and not self.url:
            raise ValueError("source http needs a url such as https://lookup.example/numbers/{number}")
        return self


def _mailbox(text: str) -> str:
    if text and not _MAILBOX.fullmatch(text):
        raise ValueError(f"{text!r} is no mail address: write one such as billing@example.net")
    return text


class Mail(_Section):
    """The server that takes our mails."""

    host: str = Field(default="", pattern=r"^[A-Za-z0-9.:-]*$")
    """Empty: none is sent; they wait."""
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """From the first byte on (465), after STARTTLS, or never. Its certificate is checked."""
    user: str = ""
    password_file: Folder | None = None
    """Its first line is the password; only the service's user should be able to read it."""
    sender: Annotated[str, AfterValidator(_mailbox)] = ""
    """Where a seller's brand names no address."""
    bounces: Annotated[str, AfterValidator(_mailbox)] = ""
    """The envelope's sender, who gets what can't be delivered; empty: the same as the mail's."""
    portal: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.:\[\]-]+)?$")
    """What links in mails begin with, where a seller's brand names no host."""
    rate_per_s: int = Field(default=10, ge=1, le=10_000)

    @model_validator(mode="after")
    def _whole(self) -> Mail:
        if self.host and not self.sender:
            raise ValueError("a host needs `sender` too, such as no-reply@example.net")
        if self.host and not self.portal:
            raise ValueError("a host needs `portal` too, such as https://portal.example.net: links begin with it")
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("`user` and `password_file` go together: write both or neither")
        if self.user and self.tls == "none":
            raise ValueError("a password is sent only by TLS: write tls: starttls or tls: tls")
        return self


class Payments(_Section):
    """Where payments are asked for."""

    stripe: str = Field(default="https://api.stripe.com", pattern=r"^https?://[A-Za-z0-9.:\[\]-]+$")


class Doctor(_Section):
    """When the service looks by itself whether everything adds up."""

    nightly: bool = True
    hour: int = Field(default=3, ge=0, le=23)
    zone: Annotated[str, AfterValidator(_zone_or_none)] = ""
    """Whose hour; empty: `timezone`."""


class Config(_Section):
    """Everything the service is told from outside."""

    run_dir: Folder = Path("/run/kambill")
    data_dir: Folder = Path("/var/lib/kambill")
    ratebook: Folder = Path("/etc/kambill/ratebook")
    database: str = ""
    """An SQLAlchemy URL; empty: SQLite in `data_dir`. See `database_url`."""
    node: str = Field(default="local", pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    currency: str = Field(default="EUR", pattern=r"^[A-Z]{3}$")
    """Of the root, when the ledger is made; `kambill apply` may still change it while nothing else stands in it."""
    sip_realm: str = Field(default="kambill", pattern=r"^[a-zA-Z0-9][a-zA-Z0-9.-]{0,99}$")
    """Of the devices' digests. Fixed once the first device is made: their passwords are kept only as hashes with it."""
    sip_server: str = Field(default="", pattern=r"^([a-zA-Z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,45}\])?(:[0-9]{1,5})?$")
    """Where telephones sign in, as their owners type it: a name or address, with a port if it isn't 5060. It is shown
    beside each device's password; calls don't go by it.
    """
    timezone: Annotated[str, AfterValidator(_zone)] = "UTC"
    """In which people see times."""
    cdr_files: Folder | None = None
    """Below which the folders of delivered call records stand; none: `cdr-files` in `data_dir`. It must be there."""
    watch_ratebook: bool = True
    """Whether the service publishes by itself what changes in the ratebook's folder; else `kambill tariff publish`."""
    jump_percent: int = Field(default=50, ge=1, le=100_000)
    """Publishing warns of prices that move by more than this."""
    listen: Listen = Listen()
    calls: CallPath = CallPath()
    api: ApiRates = ApiRates()
    webhooks: Webhooks = Webhooks()
    portability: Portability = Portability()
    mail: Mail = Mail()
    payments: Payments = Payments()
    doctor: Doctor = Doctor()

    @property
    def ported_folder(self) -> Path:
        """Where files of ported numbers are put."""
        return self.data_dir / "ported"

    @property
    def cdr_folder(self) -> Path:
        """Where folders of delivered call records stand."""
        return self.cdr_files or self.data_dir / "cdr-files"

    @property
    def database_url(self) -> str:
        """The URL of the ledger, SQLite's file filled in."""
        return self.database or f"sqlite:///{self.data_dir / 'kambill.db'}"


_SECTIONS: dict[str, type[_Section]] = {
    "listen": Listen,
    "calls": CallPath,
    "api": ApiRates,
    "webhooks": Webhooks,
    "portability": Portability,
    "mail": Mail,
    "payments": Payments,
    "doctor": Doctor,
}


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the configuration is, by the environment."""
    return Path(environ.get("KAMBILL_CONFIG") or DEFAULT_PATH)


def load_config(environ: Mapping[str, str]) -> Config:
    """The configuration that the environment points to. Raises ConfigFault."""
    path = config_path(environ)
    if not path.exists():
        if environ.get("KAMBILL_CONFIG"):
            raise ConfigFault([f"{path}: no such file: correct KAMBILL_CONFIG, or unset it to use {DEFAULT_PATH}"])
        return Config()
    return read_config(path)


def read_config(path: Path) -> Config:
    """The configuration of one file. Raises ConfigFault, all faults at once."""
    try:
        with path.open("rb") as file:
            raw = file.read(CONFIG_BYTES_MAX + 1)
        text = raw.decode()
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigFault([f"{path}: can't be read: {fault}: make it readable UTF-8 text for this user"]) from fault
    if len(raw) > CONFIG_BYTES_MAX:
        raise ConfigFault([f"{path}: larger than {CONFIG_BYTES_MAX} bytes: this is no configuration"])
    return parse_config(text, str(path))


def parse_config(text: str, where: str) -> Config:
    """The configuration of a text; `where` names it in faults. Raises ConfigFault, all faults at once."""
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        value = yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        raise ConfigFault([f"{place}: no YAML: {fault.problem}: correct it by hand"]) from fault
    except (yaml.YAMLError, RecursionError) as fault:
        raise ConfigFault([f"{where}: no YAML: {fault}: correct it by hand"]) from fault
    if value is None:
        return Config()
    if not isinstance(value, dict):
        raise ConfigFault([f"{where}:1:1: a list or text: write settings as `name: value` lines"])
    try:
        return Config.model_validate(value)
    except ValidationError as faults:
        raise ConfigFault(
            [_sentence(where, node, fault["loc"], fault["msg"], fault["type"]) for fault in faults.errors()]
        ) from faults


def _sentence(where: str, node: yaml.Node | None, path: tuple[int | str, ...], message: str, kind: str) -> str:
    line, column = _position(node, path)
    name = ".".join(str(step) for step in path)
    if kind == "extra_forbidden":
        known = _SECTIONS.get(str(path[0]), Config) if len(path) > 1 else Config
        message = f"unknown setting: one of {', '.join(known.model_fields)} was expected"
    return f"{where}:{line}:{column}: {name}: {message.removeprefix('Value error, ')}"


def _position(node: yaml.Node | None, path: tuple[int | str, ...]) -> tuple[int, int]:
    """Line and column of the deepest key of `path` that stands in the file."""
    found = node
    for step in path:
        if not isinstance(node, yaml.MappingNode):
            break
        pairs = {key.value: (key, value) for key, value in node.value}
        if step not in pairs:
            break
        found, node = pairs[step]
    mark = found.start_mark if found is not None else None
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
