import pytest

from tests.simulator.control.small_grid import small_model


@pytest.fixture
def model():
    return small_model()
