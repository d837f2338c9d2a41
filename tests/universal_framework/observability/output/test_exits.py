"""However a process ends or becomes two: what was reported is written, once."""

from __future__ import annotations

import signal
from collections import Counter

import pytest

N = [b"%d\n" % number for number in range(5000)]
REPORT = "[sink.write(b'%d\\n' % number) for number in range(5000)]\n"


@pytest.mark.parametrize(
    ("ending", "status"),
    [("", 0), ("sys.exit(3)", 3), ("raise KeyError('x')", 1), ("os.kill(os.getpid(), signal.SIGINT)", -2)],
    ids=["end", "exit", "exception", "ctrl-c"],
)
def test_the_end_of_a_program_waits_for_the_queue(program, ending, status) -> None:
    assert program(f"sink = queued()\n{REPORT}{ending}", expect=status).lines == N


def test_a_thread_that_outlives_the_main_one_is_heard(program) -> None:
    source = """
    sink = queued()
    def work():
        for number in range(50):
            time.sleep(0.002)
            sink.write(b"%d\\n" % number)
    threading.Thread(target=work).start()
    """
    assert program(source).lines == N[:50]


def test_what_is_reported_while_the_interpreter_ends_is_written(program) -> None:
    source = """
    sink = None
    def late():
        sink.write(b"late\\n")
        later = queued("app.log")     # no thread can be started any more from Python 3.12 on
        later.write(b"later\\n")
        later.flush(5)
    atexit.register(late)             # before the sink's own: called after it
    from universal_framework.observability import _exits
    atexit.unregister(_exits._finish_all)
    atexit.register(_exits._finish_all)
    sink = queued()
    sink.write(b"early\\n")
    """
    assert program(source).lines == [b"early\n", b"late\n", b"later\n"]


def test_sigterm_writes_the_queue_and_then_terminates(program) -> None:
    source = f"""
sink = queued(batch_seconds=5.0)
sink.write(b"first\\n"); sink.flush()
{REPORT}
print("ready", flush=True)
while True: time.sleep(1)
"""
    assert program(source, kill=signal.SIGTERM, expect=-signal.SIGTERM).lines == [b"first\n", *N]


def test_sigterm_belongs_to_the_application_that_handles_it(program) -> None:
    source = f"""
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
sink = queued()
{REPORT}
assert signal.getsignal(signal.SIGTERM).__name__ == "<lambda>"
print("ready", flush=True)
while True: time.sleep(1)
"""
    assert program(source, kill=signal.SIGTERM, expect=7).lines == N


def test_sigterm_is_left_alone_outside_the_main_thread(program) -> None:
    program(
        """
        made = []
        thread = threading.Thread(target=lambda: made.append(queued()))
        thread.start(); thread.join()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """
    )


def test_sigterm_is_given_back_with_the_last_sink(program) -> None:
    program(
        """
        one, two = queued(), queued()
        one.close()
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        two.close()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        """
    )


def test_sigterm_in_the_middle_of_a_write_does_not_hang(program) -> None:
    source = """
    sink = queued()
    print("ready", flush=True)
    number = 0
    while True:
        sink.write(b"%d\\n" % number)
        number += 1
    """
    lines = program(source, kill=signal.SIGTERM, expect=-signal.SIGTERM).lines
    assert lines == [b"%d\n" % number for number in range(len(lines))]


# -- forks --------------------------------------------------------------------------------------------------------


def test_a_fork_takes_no_line_along_and_leaves_none_behind(program) -> None:
    source = """
    sink = queued()
    for child in range(20):
        for number in range(50):
            sink.write(b"parent %d %d\\n" % (child, number))
        if os.fork() == 0:
            sink.write(b"child %d\\n" % child)
            assert sink.flush(10)
            os._exit(0)
    while True:
        try:
            assert os.wait()[1] == 0
        except ChildProcessError:
            break
    """
    lines = program(source).lines
    expected = [b"parent %d %d\n" % (child, number) for child in range(20) for number in range(50)]
    assert [line for line in lines if line.startswith(b"parent")] == expected
    assert sorted(line for line in lines if line.startswith(b"child")) == sorted(b"child %d\n" % n for n in range(20))


def test_forks_under_load_lose_and_repeat_nothing(program) -> None:
    source = """
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # other threads are running: 3.12 says so
    sink = queued()
    stop = False
    counts = [0, 0]
    def work(name):
        while not stop:
            sink.write(b"%d %d\\n" % (name, counts[name]))
            counts[name] += 1
            if counts[name] % 100 == 0:
                time.sleep(0.0005)
    threads = [threading.Thread(target=work, args=(name,)) for name in range(2)]
    for thread in threads: thread.start()
    for child in range(30):
        if os.fork() == 0:
            sink.write(b"child %d\\n" % child)
            os._exit(0 if sink.flush(20) else 1)
        assert os.wait()[1] == 0
    stop = True
    for thread in threads: thread.join()
    sink.flush(20)
    print(*counts)
    """
    ended = program(source)
    counts = [int(count) for count in ended.out.split()]
    expected = Counter(b"%d %d\n" % (name, number) for name in range(2) for number in range(counts[name]))
    assert Counter(line for line in ended.lines if not line.startswith(b"child")) == expected
    assert sum(line.startswith(b"child") for line in ended.lines) == 30


def test_a_process_with_nothing_but_the_writer_forks_without_a_warning(program) -> None:
    # Python 3.12 and later warn when a process with several threads forks; `program` makes warnings errors.
    source = """
    sink = queued()
    for number in range(20):
        sink.write(b"x\\n")
        if os.fork() == 0:
            os._exit(0)
        os.wait()
    """
    ended = program(source)
    assert (len(ended.lines), ended.err) == (20, "")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes_of_multiprocessing_are_heard(program, method) -> None:
    source = f"""
import multiprocessing
def work(name):
    sink = queued()
    for number in range(100):
        sink.write(b"%d %d\\n" % (name, number))
if __name__ == "__main__":
    sink = queued()
    sink.write(b"parent\\n")
    context = multiprocessing.get_context("{method}")
    children = [context.Process(target=work, args=(name,)) for name in range(2)]
    for child in children: child.start()
    for child in children: child.join()
"""
    lines = program(source).lines
    assert sorted(lines) == sorted([b"parent\n", *(b"%d %d\n" % (name, n) for name in range(2) for n in range(100))])


def test_a_child_uses_the_sink_it_was_born_with(program) -> None:
    source = """
    import multiprocessing
    sink = queued()
    def work():
        sink.write(b"child\\n")
    sink.write(b"parent\\n")
    child = multiprocessing.get_context("fork").Process(target=work)
    child.start(); child.join()
    """
    assert sorted(program(source).lines) == [b"child\n", b"parent\n"]
