"""Where a webhook may lead: to servers on the Internet, never into the operator's own network (SSRF). Pure."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

URL_CHARACTERS_MAX = 500
LABEL_CHARACTERS_MAX = 63
"""Between two dots of a name (RFC 1035, 2.3.4): others can't even be asked for."""
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_public(text: str) -> bool:
    """Whether an address is one of the Internet's: what it hides inside itself counts too."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(one.is_global and not one.is_multicast for one in _meanings(address))


def _meanings(address: Address) -> list[Address]:
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        inside = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
        if address in _NAT64:
            inside.append(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        found += [one for one in inside if one is not None]
    return found


def url_problem(url: str, *, private: bool) -> str | None:
    """What is wrong with an address to tell; None: nothing yet, its name is looked at when it is resolved."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "an address such as https://hooks.example.net/kambill was expected"
    if len(url) > URL_CHARACTERS_MAX or any(ord(char) <= 32 or ord(char) > 126 for char in url):
        return f"at most {URL_CHARACTERS_MAX} plain characters were expected"
    if parts.scheme != "https" and not (private and parts.scheme == "http"):
        return "https:// was expected"
    if not parts.hostname or parts.username is not None or parts.password is not None or parts.fragment:
        return "an address without user, password and # was expected"
    if port == 0:
        return "there is no port 0"
    return host_problem(parts.hostname, private=private)


def host_problem(host: str, *, private: bool) -> str | None:
    """What is wrong with a server's name or address; None: nothing yet, a name is looked at when it is resolved."""
    if not all(0 < len(label) <= LABEL_CHARACTERS_MAX for label in host.removesuffix(".").split(".")):
        return "a whole name such as hooks.example.net was expected"
    if private:
        return None
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        return None if "." in host else "a whole name such as hooks.example.net was expected"
    return None if is_public(str(literal)) else "this address is in no public network"
