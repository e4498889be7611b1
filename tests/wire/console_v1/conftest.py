"""Keys of the root user, for the tests of the older console API."""

import pytest

from tests.support import Api
from tests.wire.console_v1.keys import Keys


@pytest.fixture
def keys(root: Api) -> Keys:
    """The API by the root user's first token."""
    return Keys(root, root.token)
