"""Where water can get to, by repeated sweeps over all links until nothing changes."""


def supplied(layout, sources: set[int], link_open) -> set[int]:
    """Nodes that ``sources`` reach along open links; pumps and check valves lead one way."""
    wet, before = set(sources), -1
    one_way = {*layout.pumps.tolist(), *layout.check_valves}
    while len(wet) > before:
        before = len(wet)
        for link, (start, end) in enumerate(zip(layout.link_from, layout.link_to, strict=True)):
            if link_open[link] and int(start) in wet:
                wet.add(int(end))
            if link_open[link] and link not in one_way and int(end) in wet:
                wet.add(int(start))
    return wet
