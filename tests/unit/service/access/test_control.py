import pytest

from service.access.control import AccessControl, check_exposure, is_loopback
from service.errors import AccessMisconfigured
from service.observability.metrics import Metrics
from service.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_on_loopback_no_key_is_needed(host: str) -> None:
    assert is_loopback(host)
    assert not AccessControl(Settings(host=host), Metrics()).asks_for_keys


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "ecg.hospital.test", ""])
def test_beyond_loopback_without_keys_the_service_does_not_start(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(AccessMisconfigured) as caught:
        AccessControl(Settings(host=host), Metrics())
    message = str(caught.value)
    assert "\n" not in message
    assert "cardioquery keys create" in message
    assert "CARDIOQUERY_API_KEYS_FILE" in message


def test_unless_that_is_meant() -> None:
    check_exposure(Settings(host="0.0.0.0", allow_anonymous=True))
    check_exposure(Settings(host="0.0.0.0", api_keys_file="/nowhere"))
