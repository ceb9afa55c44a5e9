"""First layout of state.db: where each conversation lies and what the frame may ask about it. No text, no source ids."""

import sqlalchemy as sa
from alembic import op

revision = "state_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "file",
        sa.Column("batch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False, unique=True),
        sa.Column("rows", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "subject",
        sa.Column("uref", sa.LargeBinary, primary_key=True),
        sa.Column("dedupe", sa.LargeBinary, unique=True),
        sa.Column("account", sa.LargeBinary),
        sa.Column("account_mark", sa.LargeBinary),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversation",
        sa.Column("cref", sa.LargeBinary, primary_key=True),
        sa.Column("uref", sa.LargeBinary, nullable=False),
        sa.Column("batch", sa.BigInteger, sa.ForeignKey("file.batch"), nullable=False),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("dedupe", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("mark", sa.LargeBinary),
        sa.Column("day", sa.Text),
        sa.Column("region", sa.Text),
        sa.Column("tier", sa.Text),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("temporary", sa.SmallInteger, nullable=False),
        sa.Column("deletion_requested", sa.SmallInteger, nullable=False),
        sa.Column("party_account", sa.SmallInteger, nullable=False),
        sa.Column("turns", sa.BigInteger, nullable=False),
        sa.Column("outputs_missing", sa.Text, nullable=False),
        sa.Column("class", sa.SmallInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("a vault is never migrated backwards: restore its backup")
