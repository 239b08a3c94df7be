"""Columns of MATPOWER's matrices, counted from 0 (MATPOWER manual, appendix B), and types of buses."""

BUS_I, BUS_TYPE, PD, QD, GS, BS, BUS_AREA, VM, VA, BASE_KV = range(10)
GEN_BUS, PG, QG, QMAX, QMIN, VG, MBASE, GEN_STATUS, PMAX, PMIN = range(10)
RAMP_AGC, RAMP_10, RAMP_30 = 16, 17, 18
F_BUS, T_BUS, BR_R, BR_X, BR_B, RATE_A, RATE_B, RATE_C, TAP, SHIFT, BR_STATUS = range(11)
DC_F_BUS, DC_T_BUS, DC_STATUS, DC_PF, DC_PT, DC_QF, DC_QT = range(7)
DC_LOSS0, DC_LOSS1 = 15, 16
MODEL, STARTUP, SHUTDOWN, NCOST, COST = range(5)
LOAD, VOLTAGE_HELD, REFERENCE, ISOLATED = 1, 2, 3, 4

WIDTH = {"bus": 13, "gen": 10, "branch": 11, "gencost": 5, "dcline": 17}
"""Least number of columns of each matrix."""
