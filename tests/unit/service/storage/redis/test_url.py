import pytest

from service.storage.redis.url import parse_redis_url


def test_one_server() -> None:
    address = parse_redis_url("redis://anna:p%40ss@cache.example:6390/3")
    assert address.kind == "server"
    assert not address.tls
    assert address.hosts == (("cache.example", 6390),)
    assert (address.username, address.password, address.database) == ("anna", "p@ss", 3)


@pytest.mark.parametrize("url", ["rediss://h", "rediss+sentinel://h/s", "rediss+cluster://h"])
def test_a_second_s_means_tls(url: str) -> None:
    assert parse_redis_url(url).tls


def test_ports_and_credentials_can_be_left_out() -> None:
    address = parse_redis_url("redis://h")
    assert address.hosts == (("h", 6379),)
    assert (address.username, address.password, address.database) == (None, None, 0)
    assert parse_redis_url("redis://:only@h").password == "only"


def test_sentinels_name_the_service_and_may_have_a_password_of_their_own() -> None:
    address = parse_redis_url(
        "redis+sentinel://u:p@a,b:26380,[::1]:7/main/2?sentinel_password=s%26t"
    )
    assert address.kind == "sentinel"
    assert address.hosts == (("a", 26379), ("b", 26380), ("::1", 7))
    assert (address.service, address.database) == ("main", 2)
    assert (address.password, address.sentinel_password) == ("p", "s&t")


def test_nodes_of_a_cluster() -> None:
    address = parse_redis_url("redis+cluster://a:1,b:2")
    assert (address.kind, address.hosts) == ("cluster", (("a", 1), ("b", 2)))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "http://secret@h",
        "redis://",
        "redis://:secret@",
        "redis://:secret@h:port",
        "redis://:secret@h:70000",
        "redis://:secret@a,b",
        "redis://:secret@h/one",
        "redis://:secret@h/1/2",
        "redis://:secret@h?timeout=1",
        "redis+sentinel://:secret@h",
        "redis+sentinel://:secret@h/name?sentinel_passwort=secret",
        "redis+cluster://:secret@h/1",
        "redis://:secret@[::1",
    ],
)
def test_what_is_none_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(?!.*secret)"):
        parse_redis_url(url)


def test_passwords_are_not_shown() -> None:
    address = parse_redis_url("redis+sentinel://:secret@h/name?sentinel_password=secret")
    assert "secret" not in repr(address)
