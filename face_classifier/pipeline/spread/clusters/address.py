"""Where a cluster of another project is asked for, and whether others on the network could listen."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from face_classifier.core.errors import SetUpError, WrongUseError


@dataclass(frozen=True)
class Address:
    """Of a scheduler or a head."""

    scheme: str
    host: str  # without brackets
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{self.at}"

    @property
    def at(self) -> str:
        """Host and port."""
        return joined(self.host, self.port)


def read_address(where: str, port: int) -> Address:
    """An address as the user wrote it, ``scheme://host[:port]``. Raises WrongUseError.

    ``port``: the usual one.
    """
    found = re.fullmatch(r"([a-z]+)://(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.-]+))(?::([0-9]{1,5}))?/?", where)
    number = int(found[4] or port) if found else 0
    if not found or not 0 < number < 1 << 16:
        raise WrongUseError(
            f"{where} is not the address of a cluster; write it as {where.partition(':')[0]}://host:{port}"
        )
    return Address(found[1], found[2] or found[3], number)


def looked_up(address: Address) -> list[str]:
    """The numbers behind a host's name, in order of preference. Raises SetUpError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SetUpError(f"{address} cannot be reached, since no machine {address.host} is known ({error})") from error
    return list(dict.fromkeys(str(one[0]) for *_, one in found))


def is_loopback(number: str) -> bool:
    """Whether an IP address is of this machine alone; a name never is."""
    try:
        return ipaddress.ip_address(number.partition("%")[0]).is_loopback
    except ValueError:
        return False


def joined(host: str, port: int) -> str:
    """Host and port as one address has them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
