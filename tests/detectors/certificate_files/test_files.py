"""Certificates as files: what is written is confirmed by the other method, what is altered is not."""

import msgspec
import numpy as np
import pytest

from detectors.certificate import STATEMENTS, certify_windows
from detectors.certificate_files.bundle import (
    FILE,
    Entry,
    Header,
    _digest_of,
    read_bundle,
    sealed,
    write_bundle,
)
from detectors.certificate_files.canonical import digest, digest_of_values, encode
from detectors.certificate_files.check import check_bundle
from detectors.certificate_files.windows import Recording
from detectors.perturbation import Perturbation
from detectors.statements.station_certificates import certify_stations
from streams.errors import BadInput
from tests.detectors import synthetic


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A short run with switching, tampering, lost samples, a lost tag and a lost status."""
    recording = synthetic.record(300, 31, tau=0.3, outage_pool=6)
    plant = synthetic.plant()
    at = {tag.name: i for i, tag in enumerate(plant.tags)}
    rng = np.random.default_rng(1)
    flow, status = at[plant.branches[20].flow_tag], at[plant.branches[30].status_tag]
    recording.telemetry[60:90, flow] = np.nan
    recording.telemetry[120:124, status] = np.nan
    recording.telemetry[rng.integers(0, 300, 40), rng.integers(0, len(plant.tags), 40)] = np.nan
    return synthetic.write(recording, tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def wet(tmp_path_factory):
    """Two and a half hours of tanks, with a short gap."""
    recording = synthetic.water_only(420, 77, attacked=True)
    plant = synthetic.plant()
    level = [t.name for t in plant.tags].index(plant.tanks[0].level_tag)
    recording.telemetry[250:252, level] = np.nan
    return synthetic.write(recording, tmp_path_factory.mktemp("wet"))


@pytest.fixture(scope="module")
def bundle_file(model, data, tmp_path_factory):
    return write_bundle(
        tmp_path_factory.mktemp("bundle"), model, data, certify_windows(model, data, stride=3)
    )


@pytest.fixture(scope="module")
def small_file(bundle_file, model, data, tmp_path_factory):
    """The first two certificates of each verdict."""
    made = [entry.certificate for entry in read_bundle(bundle_file).entries]
    few = [[c for c in made if c.verdict == verdict][:2] for verdict in STATEMENTS]
    return write_bundle(tmp_path_factory.mktemp("small"), model, data, [c for two in few for c in two])


def forged(path, folder, change, index):
    """The bundle with one certificate replaced by change(entry) and every hash made to fit again."""
    lines = path.read_bytes().splitlines()
    header = msgspec.json.decode(lines[0], type=Header)
    entry = msgspec.json.decode(lines[1 + index], type=Entry)
    lines[1 + index] = encode(sealed(change(entry)))
    header = msgspec.structs.replace(header, lines_sha256=_digest_of(lines[1:]), sha256="")
    header = msgspec.structs.replace(header, sha256=digest(header))
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(b"\n".join([encode(header), *lines[1:]]) + b"\n")
    return folder / FILE


def certificate_change(**changes):
    return lambda entry: msgspec.structs.replace(
        entry, certificate=msgspec.structs.replace(entry.certificate, **changes)
    )


def test_every_certificate_is_confirmed_by_the_other_method(bundle_file, model, data):
    bundle = read_bundle(bundle_file)
    report = check_bundle(bundle, model, Recording(model, data))
    assert report.holds, [c for c in report.certificates if c.outcome == "not confirmed"][:3]
    kinds = {(c.domain, c.verdict) for c in report.certificates if c.outcome == "confirmed"}
    assert {("grid", "certified_normal"), ("grid", "certified_alarm")} <= kinds
    free = [e for e in bundle.entries if e.certificate.free_tags and e.certificate.verdict != "uncertain"]
    assert free, "a window with a lost tag has to be among them"
    uncertain = sum(e.certificate.verdict == "uncertain" for e in bundle.entries)
    assert report.nothing_claimed == uncertain
    assert report.confirmed == len(bundle.entries) - uncertain


def test_water_certificates_are_confirmed_with_a_bridged_gap(model, wet, tmp_path):
    made = certify_windows(model, wet, domains=["water"], stride=7)
    report = check_bundle(read_bundle(write_bundle(tmp_path, model, wet, made)), model, Recording(model, wet))
    assert report.holds, [c for c in report.certificates if c.outcome == "not confirmed"][:3]
    assert report.confirmed > 10


def test_station_certificates_are_confirmed(model, data, tmp_path):
    made = [c for c in certify_stations(model, data, domains=["grid"], stride=7) if c.verdict != "uncertain"][
        :2
    ]
    assert made
    report = check_bundle(
        read_bundle(write_bundle(tmp_path, model, data, made)), model, Recording(model, data)
    )
    assert report.holds
    assert report.confirmed == len(made)


def test_writing_twice_gives_the_same_bytes(bundle_file, model, data, tmp_path):
    made = [entry.certificate for entry in read_bundle(bundle_file).entries]
    again = write_bundle(tmp_path / "other", model, data, made)
    one, other = bundle_file.read_bytes().splitlines(), again.read_bytes().splitlines()
    assert one[1:] == other[1:]


def position(small_file, verdict):
    entries = read_bundle(small_file).entries
    return next(i for i, e in enumerate(entries) if e.certificate.verdict == verdict)


@pytest.mark.parametrize(
    "old_new",
    [(b'"eps_share":0.01', b'"eps_share":0.02'), (b'"margin":', b'"margin":1'), (b"evasion", b"invasion")],
)
def test_a_careless_change_shows_in_the_hashes(small_file, model, data, tmp_path, old_new):
    lines = small_file.read_bytes().splitlines()
    at = position(small_file, "certified_alarm") + 1
    assert old_new[0] in lines[at]
    lines[at] = lines[at].replace(*old_new, 1)
    (tmp_path / FILE).write_bytes(b"\n".join(lines) + b"\n")
    bundle = read_bundle(tmp_path / FILE)
    assert len(bundle.changed) == 2
    report = check_bundle(bundle, model, Recording(model, data))
    assert not report.holds
    assert report.not_confirmed == 1


@pytest.mark.parametrize("drop", [1, -1])
def test_a_removed_or_added_certificate_shows(small_file, tmp_path, drop):
    lines = small_file.read_bytes().splitlines()
    lines = lines[:-1] if drop == 1 else [*lines, lines[-1]]
    (tmp_path / FILE).write_bytes(b"\n".join(lines) + b"\n")
    assert read_bundle(tmp_path / FILE).changed


FORGERIES = {
    "bound": lambda c: {"bound": (c.bound[0] * 1.5, c.bound[1]), "margin": c.bound[0] * 1.5},
    "upper bound": lambda c: {"bound": (c.bound[0], (c.bound[0] + c.score) / 2)},
    "margin": lambda c: {"margin": c.margin + 0.5},
    "eps": lambda c: {"eps_share": 0.05},
    "eps of a tag": lambda c: {"eps_tags": {"S1/load_mw": 40.0}},
    "impossible eps": lambda c: {"eps_share": 0.5},
    "verdict": lambda c: {
        "verdict": "certified_normal",
        "bound": (-5.0, -1.0),
        "margin": 1.0,
        "statement": "stability: no change of at most eps per tag within the window makes it alarm",
    },
    "statement": lambda c: {"statement": "stability: nothing can happen"},
    "assumptions": lambda c: {"assumptions": c.assumptions[:-1]},
    "time": lambda c: {"t_s": c.t_s + 4.0},
    "no such time": lambda c: {"t_s": 0.5},
    "score": lambda c: {"score": c.score + 0.01},
    "model": lambda c: {"model_sha256": "0" * 64},
    "topology": lambda c: {"topology": "00"},
    "free tags": lambda c: {"free_tags": ("S1/load_mw",)},
    "window": lambda c: {"window_s": 4.0},
    "stations": lambda c: {"free_stations": 1},
}


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forger_who_makes_the_hashes_fit_is_found_by_the_proof(what, small_file, model, data, tmp_path):
    at = position(small_file, "certified_alarm")
    claimed = read_bundle(small_file).entries[at].certificate
    file = forged(small_file, tmp_path, certificate_change(**FORGERIES[what](claimed)), at)
    bundle = read_bundle(file)
    assert bundle.changed == ()
    report = check_bundle(bundle, model, Recording(model, data))
    assert report.not_confirmed == 1
    assert not report.holds
    assert report.certificates[at].reason


def test_an_uncertain_window_cannot_be_sold_as_certified(small_file, model, data, tmp_path):
    at = position(small_file, "uncertain")
    donor = read_bundle(small_file).entries[position(small_file, "certified_normal")].certificate
    changes = {n: getattr(donor, n) for n in ("verdict", "statement", "bound", "margin", "score", "topology")}
    file = forged(small_file, tmp_path, certificate_change(**changes), at)
    assert not check_bundle(read_bundle(file), model, Recording(model, data)).holds


def test_other_data_or_another_model_is_refused(small_file, model, data, runs, tmp_path):
    bundle = read_bundle(small_file)
    with pytest.raises(BadInput, match="data"):
        check_bundle(bundle, model, Recording(model, runs[4]))
    arrays = dict(model.arrays)
    arrays["grid.b0"] = arrays["grid.b0"] + 1e-12
    other = type(model)(model.folder, model.spec, arrays, model.twin)
    with pytest.raises(BadInput, match="model"):
        check_bundle(bundle, other, Recording(model, data))


@pytest.mark.parametrize("content", [b"", b"garbage\n", b'{"format":"x"}\n', b"\xff\xfe"])
def test_what_is_no_bundle_is_refused(content, tmp_path):
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BadInput, match=FILE):
        read_bundle(tmp_path / FILE)
    with pytest.raises(BadInput):
        read_bundle(tmp_path / "none.jsonl")


def test_a_bundle_of_another_version_is_refused(small_file, tmp_path):
    lines = small_file.read_bytes().splitlines()
    lines[0] = lines[0].replace(b'"version":1', b'"version":2')
    (tmp_path / FILE).write_bytes(b"\n".join(lines))
    with pytest.raises(BadInput, match="format"):
        read_bundle(tmp_path / FILE)


def test_canonical_form():
    assert encode({"b": 0.1, "a": (1, None)}) == b'{"a":[1,null],"b":0.1}'
    values = np.array([1.0, np.nan])
    other = np.frombuffer(np.array([1.0]).tobytes() + (0x7FF8000000000001).to_bytes(8, "little"))
    assert digest_of_values(values) == digest_of_values(other)
    assert digest_of_values(values) != digest_of_values(values[None, :])


def test_eps_of_single_tags_is_carried(model, data, tmp_path):
    eps = Perturbation(0.002, {"S1/load_mw": 0.5})
    made = certify_windows(model, data, eps, ["grid"], stride=30)
    report = check_bundle(
        read_bundle(write_bundle(tmp_path, model, data, made)), model, Recording(model, data)
    )
    assert report.holds
    assert report.confirmed
