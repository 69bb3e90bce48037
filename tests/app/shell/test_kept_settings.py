"""What only the command line of a run has said is not kept by a click that changes something else."""

import msgspec

from app.shell.kept_settings import carried_over
from proxy_core.model.settings import Settings
from proxy_core.model.ways_out import WaysOut

KEPT = Settings(not_intercepted=("bank.test",), ways_out=WaysOut(resolver="9.9.9.9"))
THIS_RUN = msgspec.structs.replace(
    KEPT,
    insecure_upstream=True,
    listen_port=9000,
    not_intercepted=("bank.test", "told.test"),
    ways_out=msgspec.structs.replace(KEPT.ways_out, tls_minimum="1.0"),
)


def changed(**changes: object) -> Settings:
    return carried_over(KEPT, THIS_RUN, msgspec.structs.replace(THIS_RUN, **changes))


def test_nothing_changed_keeps_what_was_kept():
    assert changed() == KEPT


def test_what_was_changed_is_kept_alone():
    assert changed(workers=3) == msgspec.structs.replace(KEPT, workers=3)


def test_a_host_added_to_a_list_is_added_to_the_kept_one():
    assert changed(not_intercepted=("bank.test", "told.test", "new.test")).not_intercepted == ("bank.test", "new.test")


def test_a_host_taken_from_a_list_is_taken_from_the_kept_one():
    assert changed(not_intercepted=("told.test",)).not_intercepted == ()


def test_of_the_ways_out_too():
    ways = msgspec.structs.replace(THIS_RUN.ways_out, roots="system")
    assert changed(ways_out=ways).ways_out == msgspec.structs.replace(KEPT.ways_out, roots="system")


def test_what_was_told_and_is_changed_by_the_person_is_the_person_s():
    assert changed(insecure_upstream=False).insecure_upstream is False
    assert changed(listen_port=9001).listen_port == 9001
