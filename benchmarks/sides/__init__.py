"""One module for each framework of `peers.py`; each has `prepare(case) -> Prepared`."""
