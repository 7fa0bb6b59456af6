"""What this machine allows a sandbox to be made of, probed once and reported honestly."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IsolationItem:
    """One means of isolation: is it in force, and in words what that means here."""

    name: str
    active: bool
    detail: str


@dataclass(frozen=True, slots=True)
class IsolationLevel:
    """The level in force: "full" (namespaces), "reduced" (Landlock and seccomp) or "minimal"."""

    name: str
    items: tuple[IsolationItem, ...]

    def has(self, name: str) -> bool:
        """Whether the item of this name is in force."""
        return any(item.active for item in self.items if item.name == name)

    @property
    def summary(self) -> str:
        """One line for `cloudlet up`."""
        on = ", ".join(item.name for item in self.items if item.active)
        off = ", ".join(item.name for item in self.items if not item.active)
        return f"{self.name} isolation: {on or 'nothing'}" + (f"; without {off}" if off else "")
