"""The cores that a process may use."""

from __future__ import annotations

import os

import pytest

from otp_engine.composition.capacity import cpu_count

CORES = len(os.sched_getaffinity(0))


@pytest.fixture
def machine(tmp_path):
    """Return a function that writes limits by group, and the group of the process."""

    def write(limits, member="0::/\n"):
        for group, limit in limits.items():
            (tmp_path / "groups" / group).mkdir(parents=True, exist_ok=True)
            (tmp_path / "groups" / group / "cpu.max").write_text(limit)
        (tmp_path / "membership").write_text(member)
        return tmp_path / "groups", tmp_path / "membership"

    return write


@pytest.mark.parametrize(
    ("limit", "cores"),
    [
        ("100000 100000\n", 1),
        ("20000 100000\n", 1),
        ("max 100000\n", CORES),
        ("6400000 100000\n", CORES),
        ("unreadable", CORES),
    ],
)
def test_cpu_limit_of_a_container_bounds_its_cores(machine, limit, cores):
    assert cpu_count(*machine({"": limit})) == cores


def test_part_of_a_core_counts_as_a_core(machine):
    limit = f"{(CORES - 1) * 100_000 + 1} 100000\n"

    assert cpu_count(*machine({"": limit})) == CORES


def test_smallest_limit_of_the_groups_counts(machine):
    limits = {"system.slice": "100000 100000", "system.slice/otp.service": "max 100000"}
    member = "1:cpu:/legacy\n0::/system.slice/otp.service\n"

    assert cpu_count(*machine(limits, member)) == 1


def test_group_of_the_machine_that_is_missing_is_the_root(machine):
    files = machine({"": "100000 100000"}, "0::/kubepods/pod1/container\n")

    assert cpu_count(*files) == 1


def test_limits_outside_of_the_groups_are_not_read(tmp_path):
    (tmp_path / "cpu.max").write_text("100000 100000")
    (tmp_path / "groups").mkdir()
    membership = tmp_path / "membership"
    membership.write_text("0::/a\n")

    assert cpu_count(tmp_path / "groups", membership) == CORES


def test_machine_without_control_groups_has_all_cores(tmp_path):
    assert cpu_count(tmp_path, tmp_path / "missing") == CORES
