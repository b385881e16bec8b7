"""A queue that serves the clients in turn, and the addresses of each client in turn."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")

# The name of the API key and the client IP, each where it is known. All anonymous
# clients together are one client.
Requester = tuple[str | None, str | None]


class FairQueue(Generic[T]):
    """Items in rounds: one of each client, and within a client one of each address.

    The items of one requester keep their order. A requester without an item leaves the
    round, and is the last one of it when it returns.
    """

    def __init__(self) -> None:
        self._length = 0
        # A dict keeps its order, so the first key is the next turn.
        self._turns: dict[str | None, dict[str | None, deque[T]]] = {}

    def push(self, requester: Requester, item: T) -> None:
        """Add *item* as the last one of its requester."""
        client, address = requester
        addresses = self._turns.setdefault(client, {})
        addresses.setdefault(address, deque()).append(item)
        self._length += 1

    def pop(self) -> T:
        """Remove the next item, and return it.

        Raises:
            StopIteration: The queue is empty.
        """
        client = next(iter(self._turns))
        addresses = self._turns.pop(client)
        address = next(iter(addresses))
        items = addresses.pop(address)
        item = items.popleft()
        self._length -= 1
        if items:
            addresses[address] = items
        if addresses:
            self._turns[client] = addresses
        return item

    def remove(self, requester: Requester, item: T) -> None:
        """Remove *item*, which is in the queue."""
        client, address = requester
        addresses = self._turns[client]
        addresses[address].remove(item)
        self._length -= 1
        if not addresses[address]:
            del addresses[address]
        if not addresses:
            del self._turns[client]

    def count(self, requester: Requester) -> tuple[int, int]:
        """Return the number of items of the client, and of the requester."""
        client, address = requester
        addresses = self._turns.get(client, {})
        return sum(map(len, addresses.values())), len(addresses.get(address, ()))

    def __len__(self) -> int:
        """Return the number of items."""
        return self._length

    def has(self, client: str | None) -> bool:
        """Return whether an item of *client* is in the queue."""
        return client in self._turns
