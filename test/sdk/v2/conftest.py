"""Local mode in a folder of the test's."""

import pytest

from local_mode import local_mode


@pytest.fixture
def local(image, tmp_path):
    with local_mode(image, tmp_path / "local") as mode:
        yield mode


@pytest.fixture
def probe(probe_image, tmp_path):
    with local_mode(probe_image, tmp_path / "local") as mode:
        yield mode
