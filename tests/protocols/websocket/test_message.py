"""Messages of one direction, by what another implementation writes, however the bytes are cut; and what breaks rules."""

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame
from websockets.frames import Opcode as TheirOpcode

from proxy_core.model.message_row import KEPT_LIMIT_BYTES, MessageFlag, Opcode
from proxy_core.protocols.websocket.deflate import Inflater, agreed_deflate
from proxy_core.protocols.websocket.message import MessageData, MessageEnd, MessageReader

_SOUND_FLAGS = MessageFlag.DEFLATED | MessageFlag.FRAGMENTED


def _written(frames, *, is_client=True, extensions=()):
    return b"".join(frame.serialize(mask=is_client, extensions=list(extensions)) for frame in frames)


def _compressed(payload):
    """A server's frame that is marked as compressed (RSV1), whatever it holds."""
    head = bytes((0xC2,)) + (
        bytes((len(payload),)) if len(payload) < 126 else b"\x7f" + len(payload).to_bytes(8, "big")
    )
    return head + payload


def _reader(*, is_client=True, keeps_window=None):
    inflater = None if keeps_window is None else Inflater(keeps_window=keeps_window)
    return MessageReader(is_client=is_client, inflater=inflater, allowed_reserved=0 if inflater is None else 4)


def _read(reader, pieces, *, is_ended=False):
    """The messages as (opcode, payload, flags, remark)."""
    messages, payload = [], b""
    for piece in pieces:
        for each in reader.receive(piece):
            if isinstance(each, MessageData):
                payload += each.data
                continue
            assert isinstance(each, MessageEnd)
            messages.append(_told(each, payload))
            payload = payload if each.is_alone else b""
    if is_ended:
        messages += [_told(each, payload) for each in reader.finish()]
    return messages


def _told(end, payload):
    data = end.data if end.is_alone else payload + end.data
    if not end.flags & (MessageFlag.CUT | MessageFlag.UNDECODED):
        assert end.size == len(data)
    return end.opcode, data, MessageFlag(end.flags), end.remark


def _cut(data, seed):
    chooser = random.Random(seed)
    while data:
        length = chooser.choice((1, 2, 3, 7, 100, 5000))
        yield data[:length]
        data = data[length:]


_CONVERSATION = [
    Frame(TheirOpcode.TEXT, "Grüße".encode()),
    Frame(TheirOpcode.PING, b"are you there"),
    Frame(TheirOpcode.TEXT, b"first, ", fin=False),
    Frame(TheirOpcode.PONG, b"between"),
    Frame(TheirOpcode.CONT, b"second, ", fin=False),
    Frame(TheirOpcode.CONT, b"last"),
    Frame(TheirOpcode.BINARY, bytes(range(256)) * 300),
    Frame(TheirOpcode.BINARY, b"x" * 126),
    Frame(TheirOpcode.TEXT, b""),
    Frame(TheirOpcode.CLOSE, b"\x03\xe8done"),
]
_READING = [
    (Opcode.TEXT, "Grüße".encode()),
    (Opcode.PING, b"are you there"),
    (Opcode.PONG, b"between"),
    (Opcode.TEXT, b"first, second, last"),
    (Opcode.BINARY, bytes(range(256)) * 300),
    (Opcode.BINARY, b"x" * 126),
    (Opcode.TEXT, b""),
    (Opcode.CLOSE, b"\x03\xe8done"),
]


@pytest.mark.parametrize("keeps_window", [None, True, False])
@pytest.mark.parametrize("is_client", [True, False])
@pytest.mark.parametrize("cut", ["whole", "bytes", 1, 2, 3])
def test_a_conversation_is_read_however_it_is_cut(is_client, keeps_window, cut):
    extensions = [] if keeps_window is None else [PerMessageDeflate(not keeps_window, not keeps_window, 15, 15)]
    data = _written(_CONVERSATION, is_client=is_client, extensions=extensions)
    pieces = [data] if cut == "whole" else [bytes((each,)) for each in data] if cut == "bytes" else _cut(data, cut)
    messages = _read(_reader(is_client=is_client, keeps_window=keeps_window), pieces, is_ended=True)
    assert [message[:2] for message in messages] == _READING
    assert all(flags & ~_SOUND_FLAGS == 0 and not remark for _, _, flags, remark in messages)
    is_deflated = {opcode: bool(flags & MessageFlag.DEFLATED) for opcode, _, flags, _ in messages}
    assert is_deflated[Opcode.BINARY] == (keeps_window is not None)
    assert not is_deflated[Opcode.PING]
    assert messages[3][2] & MessageFlag.FRAGMENTED


@given(
    st.lists(st.tuples(st.binary(max_size=400), st.integers(1, 5)), max_size=8),
    st.booleans(),
    st.sampled_from([None, True, False]),
    st.integers(0, 5),
)
@settings(max_examples=60, deadline=None)
def test_messages_come_back_as_they_were_sent(sent, is_client, keeps_window, seed):
    frames = []
    for payload, parts in sent:
        step = max(1, len(payload) // parts)
        pieces = [payload[at : at + step] for at in range(0, len(payload), step)] or [b""]
        for number, piece in enumerate(pieces):
            opcode = TheirOpcode.CONT if number else TheirOpcode.BINARY
            frames.append(Frame(opcode, piece, fin=number == len(pieces) - 1))
    extensions = [] if keeps_window is None else [PerMessageDeflate(not keeps_window, not keeps_window, 15, 15)]
    data = _written(frames, is_client=is_client, extensions=extensions)
    messages = _read(_reader(is_client=is_client, keeps_window=keeps_window), _cut(data, seed), is_ended=True)
    assert [payload for _, payload, _, _ in messages] == [payload for payload, _ in sent]
    assert not any(remark for *_, remark in messages)


@given(st.binary(max_size=300), st.booleans(), st.sampled_from([None, True, False]), st.integers(0, 5))
@settings(max_examples=150, deadline=None)
def test_whatever_comes_is_read_to_its_end_the_same_however_cut(data, is_client, keeps_window, seed):
    whole = _read(_reader(is_client=is_client, keeps_window=keeps_window), [data], is_ended=True)
    cut = _read(_reader(is_client=is_client, keeps_window=keeps_window), _cut(data, seed), is_ended=True)
    # How much could be inflated before something that can't depends on where it was cut.
    by_cut = MessageFlag.CUT | MessageFlag.UNDECODED
    assert [(each[0], each[2] & ~by_cut) for each in whole] == [(each[0], each[2] & ~by_cut) for each in cut]


@pytest.mark.parametrize(
    ("data", "section"),
    [
        (b"\x81\x80\x00\x00\x00\x00", "§5.1"),
        (b"\xc1\x00", "§5.2"),
        (b"\x83\x00", "§5.2"),
        (b"\x8b\x00", "§5.2"),
        (b"\x81\x7e\x00\x02hi", "§5.2"),
        (b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x02hi", "§5.2"),
        (b"\x81\x7f\xff\x00\x00\x00\x00\x00\x00\x02hi", "§5.2"),
        (b"\x89\x7e\x00\x7e" + b"x" * 126, "§5.5"),
        (b"\x09\x00", "§5.5"),
        (b"\x80\x00", "§5.4"),
        (b"\x01\x01a\x81\x01b", "§5.4"),
        (b"\x88\x01x", "§5.5.1"),
        (b"\x88\x02\x03\xed", "§7.4.1"),
        (b"\x88\x02\x00\x07", "§7.4.2"),
        (b"\x88\x03\x03\xe8\xff", "§5.5.1"),
        (b"\x88\x00\x81\x00", "§5.5.1"),
        (b"\x81\x02\xc3\x28", "§8.1"),
        (b"\x01\x01\xc3\x80\x01\x28", "§8.1"),
        (b"\x81\x01\xc3", "§8.1"),
    ],
)
def test_what_breaks_the_standard_is_shown_with_the_rule_it_breaks(data, section):
    messages = _read(_reader(is_client=False), [data])
    bad = [message for message in messages if message[2] & MessageFlag.INVALID]
    assert len(bad) == 1
    assert section in bad[0][3]


def test_an_unmasked_frame_of_a_client_is_read_and_flagged():
    ((opcode, payload, flags, remark),) = _read(_reader(), [b"\x81\x02hi"])
    assert (opcode, payload, flags) == (Opcode.TEXT, b"hi", MessageFlag.INVALID)
    assert "§5.1" in remark


def test_a_message_that_the_connection_cut_is_there_as_far_as_it_came():
    ((opcode, payload, flags, _),) = _read(_reader(is_client=False), [b"\x82\x0ahalf"], is_ended=True)
    assert (opcode, payload, flags) == (Opcode.BINARY, b"half", MessageFlag.INCOMPLETE)


def test_text_may_be_cut_within_a_character():
    ((_, payload, flags, _),) = _read(_reader(is_client=False), [b"\x01\x01\xc3", b"\x80\x01\xa9"])
    assert payload == "é".encode()
    assert flags == MessageFlag.FRAGMENTED


def test_of_an_endless_message_the_first_bytes_are_kept_and_the_next_is_understood():
    squeeze = zlib.compressobj(wbits=-15)
    noise = random.Random(7).randbytes(100_000)
    first = squeeze.compress(noise * 200) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    second = squeeze.compress(noise) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    reader = _reader(is_client=False, keeps_window=True)
    one, two = _read(reader, [_compressed(first[:-4]), _compressed(second[:-4])])
    assert len(one[1]) == KEPT_LIMIT_BYTES
    assert one[2] == MessageFlag.DEFLATED | MessageFlag.CUT
    assert two[1:3] == (noise, MessageFlag.DEFLATED)


def test_a_bomb_is_not_inflated_and_what_follows_is_kept_as_it_is():
    squeeze = zlib.compressobj(wbits=-15)
    bomb = squeeze.compress(bytes(200_000_000)) + squeeze.flush(zlib.Z_SYNC_FLUSH)
    one, two = _read(_reader(is_client=False, keeps_window=True), [_compressed(bomb[:-4]), _compressed(b"abc")])
    assert len(one[1]) <= KEPT_LIMIT_BYTES
    assert one[2] & MessageFlag.CUT
    assert "inflates to more than" in one[3]
    assert two[1:3] == (b"abc", MessageFlag.DEFLATED | MessageFlag.UNDECODED)


def test_what_is_not_deflate_is_kept_as_it_is():
    frames = _compressed(b"\xff\xff\xff"), _compressed(b"\xf2\x48\xcd\xc9\xc9\x07\x00")
    bad, good = _read(_reader(is_client=False, keeps_window=False), frames)
    assert bad[1] == b"\xff\xff\xff"
    assert bad[2] == MessageFlag.DEFLATED | MessageFlag.UNDECODED | MessageFlag.INVALID
    assert "7692" in bad[3]
    assert good[1] == b"Hello"


def test_a_last_block_in_the_middle_is_followed_by_another_stream():
    # RFC 7692 §7.2.3.4
    frame = _compressed(b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00")
    ((_, payload, flags, _),) = _read(_reader(is_client=False, keeps_window=True), [frame])
    assert payload == b"Hello"
    assert flags == MessageFlag.DEFLATED


@pytest.mark.parametrize(
    ("header", "deflate", "reserved"),
    [
        ("", None, 0),
        ("permessage-deflate", (True, True), 4),
        ("permessage-deflate; client_no_context_takeover", (False, True), 4),
        ('Permessage-Deflate;server_no_context_takeover; client_max_window_bits="12"', (True, False), 4),
        ('x-other; a="b,c", permessage-deflate', (True, True), 7),
        ('x-other; a="b\\",c", permessage-deflate', (True, True), 7),
        ('x-other; a="b, permessage-deflate', None, 7),  # a quote without an end
        ('permessage-deflate; a="\\', (True, True), 4),
        ('permessage-deflate; a="' + '\\"' * 100_000, (True, True), 4),  # costs no square
        ("permessage-deflate, " + '"' * 100_000, (True, True), 7),
        ("permessage-deflate" + ",;" * 50_000, (True, True), 4),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_handshake_agreed_on(header, deflate, reserved):
    assert agreed_deflate(header) == (deflate, reserved)
