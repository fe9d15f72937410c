"""What operators may ask of a gateway: look, read, judge, announce, take incidents in hand.

`vocabulary` lists the verbs; the modules beside it obey them, a theme each. Nothing here writes to a device.
"""

from collections.abc import Awaitable, Callable, Mapping
from inspect import iscoroutinefunction

from gateway.verbs.request import RefusedRequestError, Request
from gateway.verbs.vocabulary import VOCABULARY, Changes, Verb

__all__ = ["VOCABULARY", "Changes", "Do", "RefusedRequestError", "Request", "Verb", "spoken"]

Do = Callable[[Request], Awaitable[object]]
"""Obeys a request. Raises RefusedRequestError; what it gives is the result, anything that JSON can hold."""


def spoken(*themes: object) -> Mapping[str, Do]:
    """The verbs of the vocabulary that these themes obey: their methods of the same names."""
    return {
        name: getattr(theme, name)
        for theme in themes
        for name in VOCABULARY
        if iscoroutinefunction(getattr(type(theme), name, None))
    }
