"""Makes pandapower_2.json and pandapower_3.json: run with pandapower 2 and 3, which the tests do not need.

    python make_pandapower.py FOLDER

A network with every element that is read, solved by pandapower's own power flow, whose voltages stand in
``res_bus``.
"""

import json
import sys
from pathlib import Path

import pandapower as pp

net = pp.create_empty_network(f_hz=50.0, sn_mva=10.0)
kv = [110.0, 110.0, 110.0, 20.0, 20.0, 20.0, 10.0, 110.0, 20.0, 20.0, 0.4, 110.0]
buses = [pp.create_bus(net, v, index=i + 3) for i, v in enumerate(kv)]
a, b, c, d, e, f, g, twin, end, island, low, dead = buses
pp.create_ext_grid(net, a, vm_pu=1.02, va_degree=3.0, max_p_mw=80.0, min_p_mw=-80.0)
pp.create_gen(net, c, p_mw=18.0, vm_pu=1.01, sn_mva=40.0, min_q_mvar=-10.0, max_q_mvar=15.0, scaling=0.9)
pp.create_gen(net, e, p_mw=2.0, vm_pu=1.0, max_p_mw=4.0, min_p_mw=0.5, in_service=False)
line = {"r_ohm_per_km": 0.12, "x_ohm_per_km": 0.39, "c_nf_per_km": 9.0, "max_i_ka": 0.6}
cable = {"r_ohm_per_km": 0.16, "x_ohm_per_km": 0.12, "c_nf_per_km": 270.0, "max_i_ka": 0.3}
pp.create_line_from_parameters(net, a, b, length_km=25.0, g_us_per_km=0.4, **line)
pp.create_line_from_parameters(net, twin, c, length_km=40.0, parallel=2, df=0.9, **line)
pp.create_line_from_parameters(net, a, c, length_km=30.0, **line)
pp.create_line_from_parameters(net, d, e, length_km=4.0, **cable)
pp.create_line_from_parameters(net, e, f, length_km=6.0, **cable)
pp.create_line_from_parameters(net, d, f, length_km=5.0, in_service=False, **cable)
pp.create_line_from_parameters(net, f, end, length_km=3.0, **cable)
pp.create_impedance(net, a, c, rft_pu=0.02, xft_pu=0.15, sn_mva=50.0)
two = {"vkr_percent": 0.4, "pfe_kw": 25.0, "i0_percent": 0.06, "shift_degree": 150.0}
tap = {
    "tap_side": "hv",
    "tap_neutral": 0,
    "tap_min": -9,
    "tap_max": 9,
    "tap_step_percent": 1.5,
    "tap_pos": -3,
}
kind = {"tap_changer_type": "Ratio"} if pp.__version__[0] == "3" else {}
pp.create_transformer_from_parameters(
    net, b, d, sn_mva=31.5, vn_hv_kv=115.0, vn_lv_kv=21.0, vk_percent=11.0, **two, **tap, **kind
)
pp.create_transformer_from_parameters(
    net, b, e, sn_mva=25.0, vn_hv_kv=110.0, vn_lv_kv=20.0, vk_percent=12.0, parallel=2, **two,
    **{**tap, "tap_side": "lv", "tap_step_degree": 60.0, "tap_pos": 2}, **kind,
)  # fmt: skip
pp.create_transformer_from_parameters(
    net, e, low, sn_mva=0.63, vn_hv_kv=20.0, vn_lv_kv=0.4, vk_percent=4.0, vkr_percent=1.1, pfe_kw=1.2,
    i0_percent=-0.3,
)  # fmt: skip
ideal = {"tap_changer_type": "Ideal"} if pp.__version__[0] == "3" else {"tap_phase_shifter": True}
pp.create_transformer_from_parameters(
    net, b, c, sn_mva=60.0, vn_hv_kv=110.0, vn_lv_kv=110.0, vk_percent=10.0, vkr_percent=0.3, pfe_kw=0.0,
    i0_percent=0.0, tap_side="hv", tap_neutral=0, tap_step_degree=1.2, tap_step_percent=0.0, tap_pos=2,
    **ideal,
)  # fmt: skip
pp.create_transformer3w_from_parameters(
    net, c, f, g, vn_hv_kv=110.0, vn_mv_kv=20.0, vn_lv_kv=10.5, sn_hv_mva=40.0, sn_mv_mva=25.0,
    sn_lv_mva=15.0, vk_hv_percent=10.4, vk_mv_percent=6.5, vk_lv_percent=17.0, vkr_hv_percent=0.3,
    vkr_mv_percent=0.32, vkr_lv_percent=0.35, pfe_kw=30.0, i0_percent=0.1, shift_mv_degree=150.0,
    shift_lv_degree=30.0,
    tap_side="mv", tap_neutral=0, tap_min=-5, tap_max=5, tap_step_percent=1.2, tap_pos=2, **kind,
)  # fmt: skip
for bus, p, q in (
    (b, 12.0, 4.0),
    (d, 9.0, 3.0),
    (e, 7.0, 2.0),
    (f, 5.0, 1.5),
    (g, 6.0, 2.5),
    (low, 0.3, 0.1),
):
    pp.create_load(net, bus, p_mw=p, q_mvar=q)
pp.create_load(net, e, p_mw=10.0, q_mvar=1.0, scaling=0.5)
pp.create_load(net, f, p_mw=100.0, in_service=False)
pp.create_sgen(net, end, p_mw=3.0, q_mvar=0.4)
pp.create_sgen(net, d, p_mw=2.0, q_mvar=-0.2, scaling=0.8)
pp.create_storage(net, f, p_mw=-0.5, max_e_mwh=2.0, q_mvar=0.1)
pp.create_shunt(net, d, q_mvar=-2.4, p_mw=0.02, vn_kv=21.0, step=2)
pp.create_ward(net, c, 1.5, 0.7, 0.4, -0.6)
pp.create_dcline(
    net, a, c, p_mw=4.0, loss_percent=2.0, loss_mw=0.1, vm_from_pu=1.02, vm_to_pu=1.01, in_service=False
)
pp.create_switch(net, b, twin, "b")
pp.create_switch(net, d, f, "b", closed=False)
pp.create_switch(net, f, 4, "l", closed=False)
pp.create_switch(net, d, 3, "l", closed=True)
pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=30.0)
pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=10.0, cp2_eur_per_mw2=0.1)
net.bus.loc[dead, "in_service"] = False
pp.create_switch(net, island, d, "b")
pp.runpp(net, numba=False, calculate_voltage_angles=True, tolerance_mva=1e-10)
file = Path(sys.argv[1]) / f"pandapower_{pp.__version__[0]}.json"
pp.to_json(net, str(file))
document = json.loads(file.read_text())
unused = [n for n in document["_object"] if n == "std_types" or (n.startswith("res_") and n != "res_bus")]
for name in unused:
    del document["_object"][name]
file.write_text(json.dumps(document, indent=1) + "\n")
print(net.res_bus, net.res_ext_grid)
