"""The options of access; see `service.settings`, of which they are a part."""

import ipaddress
from pathlib import Path
from typing import Annotated, Self

from limits import parse
from pydantic import AfterValidator, Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_MOST_REQUESTS_IN_A_WINDOW = 100_000


def _checked_rate(text: str) -> str:
    try:
        limit = parse(text)
    except ValueError:
        raise ValueError('has to read like "600/minute"') from None
    if not 1 <= limit.amount <= _MOST_REQUESTS_IN_A_WINDOW:
        raise ValueError(f"has to allow 1 to {_MOST_REQUESTS_IN_A_WINDOW} requests in its window")
    return text


RateText = Annotated[str, AfterValidator(_checked_rate)]
"""A limit such as "600/minute" or "20 per 10 seconds"."""

Origin = Annotated[str, Field(pattern=r"^https?://[A-Za-z0-9.-]+(:\d{1,5})?$")]


class AccessSettings(BaseSettings):
    """Who may ask, how often, and what is written down about it."""

    # The prefix of the environment's variables is that of `service.settings.Settings`.
    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    api_keys_file: Path | None = None
    """File of API keys, made by `cardioquery keys create`. With it every request but `/healthz`,
    `/readyz` and the API's documentation needs a key; a change of the file is seen within a second.
    Without it nobody is asked for a key."""

    allow_anonymous: bool = False
    """Lets a service without API keys listen beyond loopback: whoever reaches it may ask for
    diagnoses and register conditions, on your word that a proxy keeps the others out."""

    open_metrics: bool = False
    """Whether `/metrics` needs no key. It holds nothing about patients, but says how busy the
    service is and with which model. Without API keys it is open on loopback anyway."""

    key_rate_limit: RateText | None = "1200/minute"
    """Most requests of one API key; beyond it, 429. A key may have a limit of its own. Empty: no
    limit, and one caller can fill the queue for all."""

    anonymous_rate_limit: RateText | None = None
    """Most requests of one client address where no key is asked for. Behind a proxy all requests
    come from its address, unless `trusted_proxies` names it."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies, as a JSON list: only their `X-Forwarded-For` is believed.
    One too many lets callers choose the address that limits and the audit log see."""

    audit_log: str = "stdout"
    """Where a line for each request with a key, and for each refused one, goes: `stdout`, `off`, or
    the path of a file that is appended to (and found again after logrotate moved it)."""

    audit_client_address: bool = True
    """Whether the audit log names client addresses. Without them a misused key is harder to
    trace; with them the log holds personal data."""

    cors_allowed_origins: tuple[Origin, ...] = ()
    """Origins of web pages whose scripts may call the service, as a JSON list. None: no CORS
    headers at all, so browsers let only the service's own pages read its answers."""

    @field_validator("api_keys_file", "key_rate_limit", "anonymous_rate_limit", mode="before")
    @classmethod
    def _empty_is_none(cls, stated: object) -> object:
        return None if stated == "" else stated

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses_of_proxies(cls, stated: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in stated:
            ipaddress.ip_network(proxy)
        return stated

    @model_validator(mode="after")
    def _keys_or_none(self) -> Self:
        if self.allow_anonymous and self.api_keys_file is not None:
            raise ValueError("allow_anonymous and api_keys_file exclude each other")
        return self
