"""What the service itself asks over the network: addresses that service systems named, and nothing inside by accident.

An address is looked at where the connection is made, after its name was resolved, so that no name can lead elsewhere
than what was checked. Only public addresses are asked, and those networks of the campus that the operator names
(YICI_SERVICE_INNER_NETS); on the reference campus this machine's own, and without TLS, too. An IPv6 address that a
translator makes of an IPv4 one leads to the latter, and counts as it.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass

import httpcore
from httpcore import SOCKET_OPTION

TIMEOUT_S = 5.0
MAX_ANSWER_BYTES = 64 * 1024
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
# Behind this prefix a NAT64 stands (RFC 6052); the IPv4 address is its last 32 bits.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Python calls these global: what translates for a local network (RFC 8215), where the IPv4 address has no fixed place,
# and the IPv4-compatible ones, which are long out of use.
_NOT_GLOBAL = (ipaddress.IPv6Network("64:ff9b:1::/48"), ipaddress.IPv6Network("::/96"))


class NotReached(Exception):
    """There was no usable answer; says why in words that hold nothing of the address or the answer."""


@dataclass(frozen=True)
class Outward:
    """How far the service may reach.

    Attributes:
        inner: networks that are asked though they are private.
        is_reference_campus: this machine and plain HTTP are allowed.
    """

    inner: tuple[Network, ...] = ()
    is_reference_campus: bool = False

    def allows(self, address: str) -> bool:
        """Whether a connection to this IP address may be made."""
        found = _meant(ipaddress.ip_address(address.partition("%")[0]))
        if any(found.version == one.version and found in one for one in self.inner):
            return True
        if found.is_loopback:
            return self.is_reference_campus
        return found.is_global and not any(found in one for one in _NOT_GLOBAL)

    async def get(self, url: str) -> bytes:
        """Return what is published at an address.

        Raises:
            NotReached: it is none that may be asked, or gave no usable answer.
        """
        status, content = await self._request("GET", url, b"", {"Accept": "application/json"})
        if status != 200:
            raise NotReached(f"answered {status}")
        return content

    async def post(self, url: str, content: bytes, kind: str) -> int:
        """Send something to an address and return the status of its answer.

        Raises:
            NotReached: as for `get`.
        """
        status, _ = await self._request("POST", url, content, {"Content-Type": kind})
        return status

    async def _request(
        self, method: str, url: str, content: bytes, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        schemes = ("https://", "http://") if self.is_reference_campus else ("https://",)
        if not url.startswith(schemes):
            raise NotReached("the address does not begin with https://")
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                httpcore.AsyncConnectionPool(network_backend=_Checked(self)) as http,
                http.stream(method, url, headers=headers, content=content) as reply,
            ):
                received = b""
                async for part in reply.aiter_stream():
                    received += part
                    if len(received) > MAX_ANSWER_BYTES:
                        raise NotReached("the answer is too large")
                return reply.status, received
        except TimeoutError:
            raise NotReached("no answer in time") from None
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            raise NotReached(f"not reached ({type(error).__name__})") from None
        except (ValueError, httpcore.UnsupportedProtocol):
            raise NotReached("the address cannot be read") from None


def _meant(found: Address) -> Address:
    """Return the IPv4 address that an IPv6 one stands for: mapped, 6to4, or behind a NAT64; any other as it is."""
    if not isinstance(found, ipaddress.IPv6Address):
        return found
    if found in _NAT64:
        return ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
    return found.ipv4_mapped or found.sixtofour or found


class _Checked(httpcore.AsyncNetworkBackend):
    """Connects to the very address that was checked."""

    def __init__(self, outward: Outward) -> None:
        self._outward = outward
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(one[4][0]) for one in found]
        if not addresses or not all(self._outward.allows(one) for one in addresses):
            raise NotReached(
                "the address leads inside, to a network that YICI_SERVICE_INNER_NETS does not name"
            )
        return await self._inner.connect_tcp(addresses[0], port, timeout, local_address, socket_options)
