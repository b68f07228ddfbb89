"""What is done again and again takes but a small share of the time."""

from __future__ import annotations

import time

import gevent

from operations.reporting.pace import Paced


def test_what_takes_long_is_not_done_for_each_of_many_news() -> None:
    done = []

    def slowly() -> None:
        time.sleep(0.03)
        done.append(time.monotonic())

    paced = Paced(slowly)
    paced.now()
    paced.now()
    for _ in range(20):
        paced.soon()
        gevent.sleep(0)
    assert len(done) == 2
    with gevent.Timeout(60):
        while len(done) < 3:
            gevent.sleep(0.01)
    assert done[2] - done[1] >= 1.5  # its share, for 0.03 s


def test_the_time_that_was_worked_without_a_break_is_not_counted() -> None:
    """gevent looks at the clock only where somebody waits."""
    done: list[float] = []
    paced = Paced(lambda: done.append(time.monotonic()))
    gevent.sleep(0.01)
    until = time.monotonic() + 0.6
    while time.monotonic() < until:
        pass
    paced.now()
    paced.soon()
    with gevent.Timeout(60):
        while len(done) < 2:
            gevent.sleep(0.01)
    assert done[1] - done[0] >= 0.4


def test_news_that_nobody_insists_on_are_gathered() -> None:
    done: list[int] = []
    paced = Paced(lambda: done.append(1))
    paced.now()
    for _ in range(50):
        paced.soon()
    paced.stop()
    gevent.sleep(0.7)
    assert len(done) == 1


def test_what_need_not_be_new_is_done_less_often() -> None:
    often: list[int] = []
    seldom: list[int] = []
    paced = [Paced(lambda: often.append(1), least=0.1), Paced(lambda: seldom.append(1), least=0.9)]
    for it in paced:
        it.now()
    with gevent.Timeout(60):
        while len(seldom) < 2:
            for it in paced:
                it.soon()
            gevent.sleep(0.01)
    assert len(often) > 2
