import pytest

from cardioquery.client import Client, InvalidServiceUrl


@pytest.mark.parametrize(
    "url", ["localhost:8000", "127.0.0.1:8000", "", "ftp://host", "http://", "//host"]
)
def test_url_without_scheme_or_host_is_refused(url: str) -> None:
    with pytest.raises(InvalidServiceUrl, match="http://"):
        Client(url)
