"""PROXY headers as a balancer writes them. Nothing here runs."""

import ipaddress
import struct

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

# A balancer's own connection: what stands behind the command is to be passed over.
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


# What a balancer's clients connect to, as headers say it.
DESTINATIONS = ("198.51.100.2", "2001:db8::2")


def v1(address, port):
    """A line of version 1 for a client from there."""
    family, other = _family(address, "TCP4", "TCP6"), _family(address, *DESTINATIONS)
    return f"PROXY {family} {address} {other} {port} 5223\r\n".encode()


def v2(address, port, tlvs=b""):
    """A header of version 2 for a client from there."""
    family = _family(address, b"\x11", b"\x21")
    other = ipaddress.ip_address(_family(address, *DESTINATIONS))
    ends = ipaddress.ip_address(address).packed + other.packed + struct.pack(">HH", port, 5223)
    return SIGNATURE + b"\x21" + family + struct.pack(">H", len(ends) + len(tlvs)) + ends + tlvs


def unix(path):
    """A header of version 2 for a client of a Unix socket, whose address is a path."""
    return SIGNATURE + b"\x21\x31" + struct.pack(">H", 216) + path.ljust(108, b"\0") * 2


def tlv(kind, value):
    return bytes([kind]) + struct.pack(">H", len(value)) + value


def _family(address, v4, v6):
    return v4 if ipaddress.ip_address(address).version == 4 else v6
