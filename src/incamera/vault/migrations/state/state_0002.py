"""Classes of custody: the class of each subject, and keys that are sealed to subjects, not to us."""

import sqlalchemy as sa
from alembic import op

revision = "state_0002"
down_revision = "state_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("subject", sa.Column("class", sa.SmallInteger, nullable=False, server_default="0"))
    op.create_table(
        "held_key",
        sa.Column("cref", sa.LargeBinary, primary_key=True),
        sa.Column("recipient", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("a vault is never migrated backwards: restore its backup")
