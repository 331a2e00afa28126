"""The code of one pod, told apart from that of others and from the network by the context in which it runs."""

from collections.abc import Callable
from contextvars import Context, ContextVar, copy_context
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class PodCode:
    """The context of one pod's code: what it begins, tasks and timers too, is known to be its own."""

    def __init__(self) -> None:
        self._context = copy_context()

    def mark(self, variable: ContextVar[T], value: T) -> None:
        """Set a variable for all that the pod runs from now on."""
        self._context.run(variable.set, value)

    def new_context(self) -> Context:
        """A context for something that the pod begins, such as a request."""
        return self._context.copy()

    def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function as the pod's own code."""
        return self._context.copy().run(function, *arguments, **named)
