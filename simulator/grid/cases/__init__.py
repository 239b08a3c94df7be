"""Networks by name or file: read, checked, and brought to what the grid model can represent.

Every source becomes ``tables.Tables`` (MATPOWER's matrices). ``catalogue`` finds it, ``checks`` refuses bad
data, ``represent`` turns what the model does not know into what it does and says so, ``ratings``, ``costs``
and ``unit_traits`` fill in what the data leave out.
"""
