"""What can go wrong without a batch system: killed ranks, signals, a full disk, damaged files."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from cluster_runs import Campaign, wait_until

from nqe_core.cli import main
from nqe_core.storage import ChunkReader

pytestmark = pytest.mark.slow


def test_a_killed_rank_costs_only_what_was_not_yet_on_disk(campaign, undisturbed, mpiexec):
    campaign.hold("saved")
    with campaign.start("liquid", "--ranks", 3, launcher=(mpiexec, "-n", "3")) as run:
        ranks = wait_until(lambda: campaign.held(3), 120, "three ranks with a sample each on disk")
        os.kill(ranks[1], signal.SIGKILL)
        assert run.wait(timeout=60) != 0  # nobody waits for the dead
    assert not campaign.file("liquid").exists()
    campaign.release()
    with campaign.start("liquid", "--ranks", 2, launcher=(mpiexec, "-n", "2")) as run:
        assert run.wait(timeout=120) == 0
    assert " 3/12 samples are done already" in campaign.log("liquid").read_text()
    campaign.check(undisturbed)


def test_a_signal_to_the_launcher_saves_and_ends_soon(campaign, undisturbed, mpiexec):
    campaign.hold()
    with campaign.start("liquid", "--ranks", 2, launcher=(mpiexec, "-n", "2")) as run:
        wait_until(lambda: campaign.held(2), 120, "two ranks with a sample each in memory")
        assert not campaign.kept()
        run.terminate()
        assert run.wait(timeout=20) != 0
    assert "2/12 samples are kept for the next run" in campaign.log("liquid").read_text()
    campaign.release()
    with campaign.start("liquid", "--ranks", 1) as run:
        assert run.wait(timeout=120) == 0
    assert " 2/12 samples are done already" in campaign.log("liquid").read_text()
    campaign.check(undisturbed)


@pytest.fixture
def small_disk(campaign):
    """The ensemble's folder on a disk of its own, too small for it; gives a function that makes it larger."""
    folder = campaign.results / campaign.row.ensemble
    folder.mkdir(parents=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "nqe-small-disk", folder]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    yield lambda: subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)
    subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_full_disk_stops_the_stage_and_spoils_nothing(campaign, undisturbed, small_disk, capfd):
    assert main([*campaign.command("liquid"), "--flush-seconds", "1e-9"]) == 1
    assert "No space left on device" in capfd.readouterr().err
    assert not campaign.file("liquid").exists()
    small_disk()
    assert main(campaign.command("liquid")) == 0
    assert "samples are done already" in capfd.readouterr().err
    campaign.check(undisturbed)


def flip_a_bit(path: Path) -> None:
    """In the last sample's positions or mode: HDF5 stores them as they are, so their bytes can be found."""
    with ChunkReader(path) as reader:
        field = max(reader.fields, key=lambda field: len(field.shape))
        values = reader.row(int(reader.samples[-1]), field.name)[field.name]
    content = bytearray(path.read_bytes())
    content[content.index(values.tobytes()) + values.nbytes // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1000)


@pytest.mark.parametrize(("stage", "follower", "spoil"), [
    ("inherent_state", "harmonic", flip_a_bit),
    ("quartic", "cubic", cut_off),
    ("harmonic", "quartic", flip_a_bit),
    ("observables", None, cut_off),
])  # fmt: skip
def test_a_damaged_file_is_named_refused_and_remade(tmp_path, undisturbed, capfd, stage, follower, spoil):
    campaign = copy_of(undisturbed, tmp_path)
    spoil(campaign.file(stage))
    assert main(["verify", str(campaign.results)]) == 1
    assert f"problem: {campaign.file(stage)}" in capfd.readouterr().out
    if follower:
        before = campaign.file(follower).read_bytes()
        assert main(campaign.command(follower)) == 2
        assert str(campaign.file(stage)) in capfd.readouterr().err
        assert campaign.file(follower).read_bytes() == before
        campaign.file(follower).unlink()  # as Snakemake does before it makes it again
    campaign.file(stage).unlink()
    campaign.check(undisturbed)


def test_snakemake_remakes_a_damaged_chunk_and_what_follows(tmp_path, undisturbed):
    campaign = copy_of(undisturbed, tmp_path)
    cut_off(campaign.file("cubic"))
    target = campaign.target("cubic")
    with campaign.drive(target, "--forcerun", target, "--cores", 2, profile="profiles/local") as run:
        assert run.wait(timeout=120) == 0, campaign.log("driver").read_text()[-3000:]
    campaign.check(undisturbed)


def test_two_campaigns_run_in_one_folder(tmp_path, undisturbed):
    first, second = (Campaign.create(tmp_path, name) for name in ("first", "second"))
    targets = [[campaign.target("inherent_state"), "--cores", 1] for campaign in (first, second)]
    with (
        first.drive(*targets[0], profile="profiles/local", log="first") as one,
        second.drive(*targets[1], profile="profiles/local", log="second") as other,
    ):
        assert one.wait(timeout=120) == 0, first.log("first").read_text()[-3000:]
        assert other.wait(timeout=120) == 0, second.log("second").read_text()[-3000:]
    first.check(undisturbed)
    second.check(undisturbed)


def copy_of(campaign: Campaign, path: Path) -> Campaign:
    """A finished campaign to spoil."""
    copy = Campaign.create(path)
    subprocess.run(["cp", "-a", campaign.results.parent, copy.results.parent], check=True)
    return copy
