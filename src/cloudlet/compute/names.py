"""How functions in a network of their own resolve names: by the host's name servers."""

from __future__ import annotations

#: Stands in their network for the first name server on the host's loopback.
STAND_IN = "169.254.2.3"


def name_servers(text: str) -> str:
    """A resolv.conf for functions: name servers on the host's loopback become the stand-in.

    It is reached by UDP only: an answer that is too long for that is not had from it.
    """
    lines: list[str] = []
    for given in text.splitlines():
        words = given.split()
        named = words[:1] == ["nameserver"] and len(words) > 1
        line = f"nameserver {STAND_IN}" if named and _is_loopback(words[1]) else given
        if not named or line not in lines:
            lines.append(line)
    return "".join(f"{line}\n" for line in lines)


def _is_loopback(address: str) -> bool:
    return address.startswith("127.") or address == "::1"
