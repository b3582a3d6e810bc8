"""Tables of the doctor's nights: what each look found, and which faults stand."""

from __future__ import annotations

import sqlalchemy as sa

from service.database.columns import big, identity, metadata, refers, text

doctor_runs = sa.Table(
    "doctor_runs",
    metadata,
    identity(),
    sa.Column("night", sa.Text, nullable=False, unique=True),  # the local date of its hour: one run, whoever makes it
    text("node"),
    big("started_ms"),
    big("lease_until_ms"),  # until then nobody else makes it; it is its maker's name, too
    big("finished_ms", 0),  # 0: not yet
    sa.Column("ok", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("checks", sa.JSON, nullable=False),  # of each name, ok, detail, is_warning, said; empty: not finished
    sqlite_autoincrement=True,
)

doctor_faults = sa.Table(
    "doctor_faults",
    metadata,
    identity(),
    text("name"),  # of the check
    text("detail"),  # as the last run has it
    refers("run_id", "doctor_runs.id"),  # that found it first
    refers("seen_run_id", "doctor_runs.id"),  # that found it last
    big("raised_ms"),
    big("mended_ms", 0),  # 0: it stands
    # A check has one fault that stands.
    sa.UniqueConstraint("name", "mended_ms", name="uq_doctor_faults_name_mended_ms"),
    sqlite_autoincrement=True,
)
"""A check that failed, from the run that found it to the one that found it mended: it is told once."""
