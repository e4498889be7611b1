"""Who may have a lease: judged by looks at the rows alone, and the looker's own clock."""

from app.listener.processes import LONG_DEAD, Processes, Row

ROW = Row("one", 1, 2.0)


def seen(*looks: tuple[list[Row], float, float]) -> Processes:
    """What these looks have found: which rows, when they began, and when they ended."""
    found = Processes()
    for rows, began, ended in looks:
        found.looked(rows, began, ended)
    return found


def test_who_was_never_seen_before_may_have_a_lease() -> None:
    """The row may be as old as it likes: nobody can tell."""
    assert seen(([ROW], 0, 0)).alive == {"one"}


def test_a_lease_is_reckoned_from_the_end_of_the_look() -> None:
    """The beat may have come at any moment before."""
    assert seen(([ROW], 0, 1), ([ROW], 3.04, 3.05)).alive == {"one"}


def test_a_lease_is_over_when_a_later_look_finds_no_other_beat() -> None:
    """A twentieth of its length after it would be by our own clock."""
    assert seen(([ROW], 0, 1), ([ROW], 3.11, 3.2)).alive == set()


def test_a_lease_is_not_over_by_a_look_that_began_before_its_end() -> None:
    """Its answer may be older than its end."""
    assert seen(([ROW], 0, 1), ([ROW], 2, 9)).alive == {"one"}


def test_time_alone_ends_no_lease() -> None:
    """Who has not looked for long does not know who has beaten meanwhile."""
    later = ROW._replace(number=2)
    assert seen(([ROW], 0, 1), ([later], 100, 101)).alive == {"one"}


def test_another_beat_is_another_lease() -> None:
    """From when it was first seen."""
    later = ROW._replace(number=2)
    looks = ([ROW], 0, 1), ([later], 2, 3), ([later], 5, 5)
    assert seen(*looks).alive == {"one"}
    assert seen(*looks, ([later], 5.2, 5.2)).alive == set()


def test_who_was_dead_may_come_back() -> None:
    """It was frozen, or cut off; its number may be any other, even a smaller one."""
    looks = ([ROW], 0, 1), ([ROW], 9, 9), ([ROW._replace(number=0)], 10, 10)
    assert seen(*looks).alive == {"one"}


def test_who_was_dead_stays_so() -> None:
    """As long as it does not beat."""
    assert seen(([ROW], 0, 1), ([ROW], 9, 9), ([ROW], 10, 10)).alive == set()


def test_who_has_no_row_has_no_lease() -> None:
    """It has left."""
    other = Row("two", 1, 2.0)
    assert seen(([ROW, other], 0, 1), ([other], 1, 1)).alive == {"two"}


def test_only_rows_that_were_dead_for_long_are_cleared_away() -> None:
    """As they were last seen."""
    beaten = ROW._replace(id="two", number=5)
    found = seen(([ROW, beaten._replace(number=4)], 0, 0), ([ROW, beaten], 9, 9))
    assert found.long_dead(LONG_DEAD) == []
    assert found.long_dead(LONG_DEAD + 2.2) == [ROW]
