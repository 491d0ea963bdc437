"""Text and bytes that do not show themselves."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from loyalty_sdk._secrets import MaskedBytes, MaskedDict, SecretStr, masked

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def test_a_secret_is_what_it_holds() -> None:
    """On the wire a secret is the text itself."""
    assert "pat_1" == SecretStr("pat_1")
    assert b"pat_1" == SecretStr("pat_1").encode()
    assert hash("pat_1") == hash(SecretStr("pat_1"))


def test_masked_bytes_are_what_they_hold() -> None:
    """On the wire masked bytes are the bytes themselves."""
    assert b"body" == MaskedBytes(b"body")
    assert "body" == MaskedBytes(b"body").decode()


@pytest.mark.parametrize("shown", ["{0!r}", "{0!r:>20}", "{1!r}"])
def test_repr_of_a_secret_shows_nothing(shown: str) -> None:
    """Neither the text nor its length can be read from a repr, alone or inside a container."""
    secret = SecretStr("pat_1")

    assert "pat" not in shown.format(secret, {"key": [secret]})
    assert repr(SecretStr("pat_1")) == repr(SecretStr("something much longer"))


def test_repr_of_masked_bytes_shows_the_length() -> None:
    """Of a body only the length can be read."""
    assert "<4 bytes>" == repr(MaskedBytes(b"body"))
    assert "[<4 bytes>]" == repr([MaskedBytes(b"body")])


def test_a_traceback_with_locals_shows_neither() -> None:
    """Loggers that print the locals of every frame print no key and no body."""

    def fail(key: str, body: bytes) -> None:
        raise ValueError(len(key) + len(body))

    with pytest.raises(ValueError, match="9") as caught:
        fail(SecretStr("pat_1"), MaskedBytes(b"body"))
    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    frames = [frame for frame in shown.stack if frame.name == "fail"]

    assert {"key": "'***'", "body": "<4 bytes>"} == frames[0].locals


def test_a_masked_mapping_shows_its_size() -> None:
    """A body that is being made is what it holds, and shows none of it."""
    assert {"key": "pat_1"} == MaskedDict(key="pat_1")
    assert "<1 fields>" == repr(MaskedDict(key="pat_1"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_both_stay_masked_after_a_pickle(protocol: int) -> None:
    """A pickled or copied secret arrives whole and masked."""
    both = [SecretStr("pat_1"), MaskedBytes(b"body")]

    arrived = pickle.loads(pickle.dumps(both, protocol))  # noqa: S301 - made one line above

    assert both == arrived
    assert repr(both) == repr(arrived) == repr(copy.deepcopy(both))


def test_masked_masks_text_alone() -> None:
    """Text is masked, and whatever else stands for a key stays what it is."""
    assert ("pat_1", "'***'") == (masked("pat_1"), repr(masked("pat_1")))
    assert [None, 5, len] == [masked(None), masked(5), masked(len)]
