"""Classes of custody: what two trustees unsealed for a grant and until when, and keys that await a switch of class."""

import sqlalchemy as sa
from alembic import op

revision = "keys_0002"
down_revision = "keys_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unsealing",
        sa.Column("id", sa.LargeBinary, primary_key=True),
        sa.Column("tag", sa.Text, nullable=False, index=True),
        sa.Column("digest", sa.Text, nullable=False, unique=True),
        sa.Column("crefs", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
        sa.Column("answered_at", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "unsealed",
        sa.Column("request", sa.LargeBinary, sa.ForeignKey("unsealing.id"), primary_key=True),
        sa.Column("cref", sa.LargeBinary, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    # Written once the new data files are whole, removed when everything points to them: a killed switch is finished from here.
    op.create_table(
        "switching",
        sa.Column("cref", sa.LargeBinary, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("class", sa.SmallInteger, nullable=False),
        sa.Column("uref", sa.LargeBinary, nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("a vault is never migrated backwards: restore its backup")
