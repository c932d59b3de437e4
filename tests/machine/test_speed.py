"""Fast settings are chosen by measuring, and leave nothing behind."""

import time

import pytest
import torch

from vqgen_utils.machine import speed


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def products_that_take(monkeypatch, seconds_on_one: float, seconds_on_two: float):
    """As if a matrix product took so long on one thread, and so long on two."""
    clock = [0.0]

    def product(a, b):
        clock[0] += seconds_on_one if torch.get_num_threads() == 1 else seconds_on_two

    monkeypatch.setattr(speed.torch, "mm", product)
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])


def test_one_thread_is_used_where_two_wait_for_each_other(two_threads, monkeypatch):
    products_that_take(monkeypatch, seconds_on_one=0.001, seconds_on_two=0.016)
    assert speed.worthwhile_threads() == 1


def test_one_thread_is_used_where_two_are_hardly_faster(two_threads, monkeypatch):
    products_that_take(monkeypatch, seconds_on_one=0.001, seconds_on_two=0.0009)
    assert speed.worthwhile_threads() == 1


def test_all_threads_are_used_where_they_are_faster(two_threads, monkeypatch):
    products_that_take(monkeypatch, seconds_on_one=0.001, seconds_on_two=0.0006)
    assert speed.worthwhile_threads() == 2


def test_training_on_fewer_threads_says_so(two_threads, monkeypatch, capsys):
    monkeypatch.setattr(speed, "worthwhile_threads", lambda probe: 1)
    with speed.training_settings(torch.device("cpu")):
        assert torch.get_num_threads() == 1
    assert "training on 1 of 2 threads" in capsys.readouterr().out


def test_a_number_of_threads_that_was_asked_for_is_taken(two_threads, monkeypatch, capsys):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr(speed, "worthwhile_threads", lambda probe: 1)
    with speed.training_settings(torch.device("cpu")):
        assert torch.get_num_threads() == 2
    assert capsys.readouterr().out == ""


def test_training_looks_again_for_other_programs_come_and_go(two_threads, monkeypatch, capsys):
    usable = iter([2, 1, 2])
    monkeypatch.setattr(speed, "worthwhile_threads", lambda probe: next(usable))
    monkeypatch.setattr(speed, "CHECK_EVERY", 0.0)
    with speed.training_settings(torch.device("cpu")) as choose_threads:
        seen = [torch.get_num_threads()]
        for _ in range(2):
            choose_threads()
            seen.append(torch.get_num_threads())
    assert seen == [2, 1, 2]
    assert capsys.readouterr().out.count("threads.") == 2


def test_settings_are_as_before_after_training_that_failed(two_threads, monkeypatch):
    monkeypatch.setattr(speed, "worthwhile_threads", lambda probe: 1)
    tf32 = torch.backends.cudnn.allow_tf32
    with pytest.raises(KeyboardInterrupt), speed.training_settings(torch.device("cpu")):
        raise KeyboardInterrupt
    assert torch.get_num_threads() == 2
    assert torch.backends.cudnn.allow_tf32 == tf32


def test_large_tensors_reuse_their_memory():
    """glibc maps blocks above 32 MiB anew each time, which shows in page faults."""
    resource = pytest.importorskip("resource", reason="page faults are counted on Unix alone")
    speed.reuse_memory()

    def faults_of_ten_large_tensors() -> int:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(10):
            torch.relu(torch.ones(40 * 2**18))  # 40 MiB each, 10,240 pages
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    faults_of_ten_large_tensors()  # the heap finds its size
    if speed.sys.platform == "linux":
        assert faults_of_ten_large_tensors() < 50_000  # 204,800 where each is mapped anew


def test_exact_products_do_not_outlive_their_block():
    before = torch.backends.cudnn.allow_tf32
    with speed.exact_products():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32 == before
