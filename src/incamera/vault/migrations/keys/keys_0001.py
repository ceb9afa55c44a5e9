"""First layout of keys.db: wrapped keys, holds, what each grant has opened. The triggers are the third lock of a hold."""

import sqlalchemy as sa
from alembic import op

revision = "keys_0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _sqlite_triggers()
    else:
        _postgres_triggers()


def downgrade() -> None:
    raise NotImplementedError("a vault is never migrated backwards: restore its backup")


def _tables() -> None:
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "epoch",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("root", sa.Text, nullable=False, unique=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("opened_at", sa.Text, nullable=False),
        sa.Column("closed_at", sa.Text),
        sa.Column("destroyed_at", sa.Text),
        sa.Column("wraps", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "secret",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("epoch", sa.BigInteger, sa.ForeignKey("epoch.number"), nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
    )
    op.create_table("batch", sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False))
    op.create_table(
        "subject_key",
        sa.Column("uref", sa.LargeBinary, primary_key=True),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("secret", sa.LargeBinary, nullable=False),
        sa.Column("hold_count", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "conversation_key",
        # Batch and place together: keys of one file lie side by side, and a scan reads them as one range.
        sa.Column("slot", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("cref", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("uref", sa.LargeBinary, nullable=False, index=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("wrapped", sa.LargeBinary, nullable=False),
        sa.Column("class", sa.SmallInteger, nullable=False),
        sa.Column("hold_count", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "hold",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("matter", sa.Text, nullable=False),
        sa.Column("order_digest", sa.Text, nullable=False),
        sa.Column("placed_at", sa.Text, nullable=False),
        sa.Column("released_at", sa.Text),
    )
    op.create_table(
        "held",
        sa.Column("cref", sa.LargeBinary, primary_key=True),
        sa.Column("hold_id", sa.Text, sa.ForeignKey("hold.id"), primary_key=True, index=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstone",
        sa.Column("ref", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("leaf_index", sa.BigInteger, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasure",
        sa.Column("ref", sa.LargeBinary, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("request", sa.Text),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("asked_at", sa.Text, nullable=False),
        sa.Column("told", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "grant_use",
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tag", sa.Text, nullable=False, unique=True),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.Text),
    )
    op.create_table(
        "opened",
        sa.Column("grant_number", sa.BigInteger, sa.ForeignKey("grant_use.number"), primary_key=True),
        # A bitmap over 4,096 neighbouring slots: a grant's count of distinct conversations, at a bit for each.
        sa.Column("block", sa.BigInteger, primary_key=True),
        sa.Column("bits", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "derived",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("reach", sa.Text, nullable=False),
        sa.Column("key_path", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
    )


# A held key may be re-wrapped (its version or epoch rises, its length stays): rotation must go on for years under a hold.
# Everything else on a held row is refused, whoever asks.
_GUARDS = {
    "conversation_key": "NEW.version > OLD.version AND length(NEW.wrapped) = length(OLD.wrapped)",
    "subject_key": (
        "(NEW.version > OLD.version OR NEW.epoch > OLD.epoch) AND length(NEW.wrapped) = length(OLD.wrapped)"
        " AND length(NEW.secret) = length(OLD.secret)"
    ),
}
_SEALED = {
    "conversation_key": "NEW.wrapped <> OLD.wrapped OR NEW.cref <> OLD.cref OR NEW.uref <> OLD.uref OR NEW.class <> OLD.class",
    "subject_key": "NEW.wrapped <> OLD.wrapped OR NEW.secret <> OLD.secret OR NEW.uref <> OLD.uref",
}
_COUNTS = {
    "conversation_key": "(SELECT count(*) FROM held WHERE held.cref = NEW.cref)",
    "subject_key": (
        "(SELECT count(*) FROM held JOIN conversation_key ON conversation_key.cref = held.cref"
        " WHERE conversation_key.uref = NEW.uref)"
    ),
}
_RAISE = "incamera-held"


def _recount(row: str) -> str:
    """Statements that set both counts from `held` itself, so that they are right whatever one statement touched."""
    subject = f"(SELECT uref FROM conversation_key WHERE cref = {row}.cref)"  # noqa: S608
    return (
        f"UPDATE conversation_key SET hold_count = (SELECT count(*) FROM held WHERE held.cref = {row}.cref)"  # noqa: S608
        f" WHERE cref = {row}.cref;"
        " UPDATE subject_key SET hold_count = (SELECT count(*) FROM held JOIN conversation_key AS c ON c.cref = held.cref"
        f" WHERE c.uref = {subject}) WHERE uref = {subject};"
    )


def _sqlite_triggers() -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_RAISE}'); END"
    for table in ("conversation_key", "subject_key"):
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} WHEN OLD.hold_count > 0 {refuse}")
        op.execute(
            f"CREATE TRIGGER {table}_no_overwrite BEFORE UPDATE ON {table} WHEN OLD.hold_count > 0"
            f" AND (({_SEALED[table]}) AND NOT ({_GUARDS[table]}) OR NEW.state = 'shredded') {refuse}"
        )
        op.execute(
            f"CREATE TRIGGER {table}_true_count BEFORE UPDATE OF hold_count ON {table}"
            f" WHEN NEW.hold_count <> {_COUNTS[table]} {refuse}"
        )
    for name, when, row in (("placed", "INSERT", "NEW"), ("released", "DELETE", "OLD")):
        op.execute(f"CREATE TRIGGER held_{name} AFTER {when} ON held BEGIN {_recount(row)} END")
    op.execute(
        "CREATE TRIGGER held_while_placed BEFORE DELETE ON held"  # noqa: S608
        f" WHEN (SELECT released_at FROM hold WHERE id = OLD.hold_id) IS NULL {refuse}"
    )
    op.execute(f"CREATE TRIGGER held_fixed BEFORE UPDATE ON held {refuse}")
    op.execute(f"CREATE TRIGGER hold_kept BEFORE DELETE ON hold {refuse}")
    op.execute(
        "CREATE TRIGGER hold_fixed BEFORE UPDATE ON hold WHEN NEW.id <> OLD.id OR NEW.matter <> OLD.matter"
        f" OR NEW.order_digest <> OLD.order_digest OR OLD.released_at IS NOT NULL {refuse}"
    )


def _postgres_triggers() -> None:
    def trigger(name: str, table: str, when: str, body: str) -> None:
        op.execute(f"CREATE FUNCTION incamera_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$")
        op.execute(f"CREATE TRIGGER {name} {when} ON {table} FOR EACH ROW EXECUTE FUNCTION incamera_{name}()")

    refuse = f"RAISE EXCEPTION '{_RAISE}';"
    for table in ("conversation_key", "subject_key"):
        trigger(f"{table}_no_delete", table, "BEFORE DELETE", f"IF OLD.hold_count > 0 THEN {refuse} END IF; RETURN OLD;")
        trigger(
            f"{table}_no_overwrite",
            table,
            "BEFORE UPDATE",
            f"IF OLD.hold_count > 0 AND (({_SEALED[table]}) AND NOT ({_GUARDS[table]}) OR NEW.state = 'shredded')"
            f" THEN {refuse} END IF; RETURN NEW;",
        )
        trigger(
            f"{table}_true_count",
            table,
            "BEFORE UPDATE OF hold_count",
            f"IF NEW.hold_count <> {_COUNTS[table]} THEN {refuse} END IF; RETURN NEW;",
        )
    for name, when, row in (("placed", "INSERT", "NEW"), ("released", "DELETE", "OLD")):
        trigger(f"held_{name}", "held", f"AFTER {when}", f"{_recount(row)} RETURN NULL;")
    trigger(
        "held_while_placed",
        "held",
        "BEFORE DELETE",
        f"IF (SELECT released_at FROM hold WHERE id = OLD.hold_id) IS NULL THEN {refuse} END IF; RETURN OLD;",  # noqa: S608
    )
    trigger("held_fixed", "held", "BEFORE UPDATE", refuse)
    trigger("hold_kept", "hold", "BEFORE DELETE", refuse)
    trigger(
        "hold_fixed",
        "hold",
        "BEFORE UPDATE",
        "IF NEW.id <> OLD.id OR NEW.matter <> OLD.matter OR NEW.order_digest <> OLD.order_digest OR OLD.released_at IS NOT NULL"
        f" THEN {refuse} END IF; RETURN NEW;",
    )
