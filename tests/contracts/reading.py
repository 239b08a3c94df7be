"""Reading a known number of records."""


def read(subscription, count):
    records = []
    while len(records) < count:
        found = subscription.poll(20.0)
        assert found, f"{len(records)} of {count} records came"
        records += found
    return records
