"""What tests that export share."""

import pytest

# Of the exporter and its libraries, about their own future.
EXPORTER_WARNINGS = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
