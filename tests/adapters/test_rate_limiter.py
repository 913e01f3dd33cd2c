"""The counters of rate limits in memory: which are evicted."""

from app.adapters.rate_limiter import MemoryRateLimiter


def test_ended_windows_are_evicted_first() -> None:
    counters = MemoryRateLimiter(max_counters=10)
    for number in range(5):
        counters.hit_sync(f"ended {number}", 10, now=0.0)
    for number in range(5):
        counters.hit_sync(f"running {number}", 60, now=0.0)

    counters.hit_sync("new", 60, now=20.0)

    assert [counters.hit_sync(f"running {number}", 60, now=20.0).hits for number in range(5)] == [2] * 5
    assert counters.hit_sync("new", 60, now=20.0).hits == 2
    assert counters.hit_sync("ended 0", 10, now=20.0).hits == 1


def test_the_newest_window_with_the_fewest_requests_is_evicted() -> None:
    counters = MemoryRateLimiter(max_counters=10)
    for number in range(10):
        counters.hit_sync(f"{number}", 60, now=0.0)
    counters.hit_sync("9", 60, now=0.0)

    counters.hit_sync("new", 60, now=1.0)

    assert [counters.hit_sync(f"{number}", 60, now=1.0).hits for number in (*range(8), 9)] == [2] * 8 + [3]
    assert counters.hit_sync("8", 60, now=1.0).hits == 1


def test_invented_keys_do_not_evict_an_address() -> None:
    counters = MemoryRateLimiter(max_counters=100)
    counters.hit_sync("ai:192.0.2.1", 60, now=0.0)

    for number in range(1000):
        counters.hit_sync(f"ak:{number}", 300, now=0.1)

    assert counters.hit_sync("ai:192.0.2.1", 60, now=0.2).hits == 2


def test_invented_keys_do_not_evict_a_used_key() -> None:
    counters = MemoryRateLimiter(max_counters=1000)
    for _ in range(2):
        counters.hit_sync("ak:used", 300, now=0.0)

    for number in range(10_000):
        counters.hit_sync(f"ak:{number}", 300, now=0.1)

    assert counters.hit_sync("ak:used", 300, now=0.2).hits == 3


def test_the_number_of_counters_is_bounded() -> None:
    counters = MemoryRateLimiter(max_counters=100)

    for number in range(1000):
        counters.hit_sync(f"address {number}", 60, now=number / 100)
        assert counters.size <= 100
