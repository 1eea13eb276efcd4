"""How tests read what must be refused."""

from collections.abc import Callable

from ecg_core.errors import InputError

Refusal = Callable[..., InputError]
