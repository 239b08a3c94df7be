"""Figures of this machine, each beside a peer where there is one."""
