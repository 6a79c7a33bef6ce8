/* Numbered steps, one transaction each, under a lock that other processes respect. */
#include "inside.h"

struct step { const struct sql_options *o; const struct sql_migration *m; int64_t done; bool has_table; };

static enum err_code read_done(struct sql_tx *tx, struct step *s, struct err *e)
{
	int64_t n;
	s->has_table = false;
	s->done = 0;
	TRY(sql_one_int(tx, &n, e, tx->db->ops->has_table, "z", "sql_migrations"));
	if (!n)
		return OK;
	s->has_table = true;
	TRY(sql_one_int(tx, &s->done, e, "SELECT coalesce(max(number), 0) FROM sql_migrations", ""));
	if (!s->o->n_migrations || s->done <= s->o->migrations[s->o->n_migrations - 1].number)
		return OK;
	return err_set(e, ERR_UNSUPPORTED, 0, "the database is of a newer pabean: its step is %lld, this one knows %d",
		       (long long)s->done, s->o->migrations[s->o->n_migrations - 1].number);
}

static enum err_code look(struct sql_tx *tx, void *arg, struct err *e) { return read_done(tx, arg, e); }

static enum err_code make_tables(struct sql_tx *tx, void *arg, struct err *e)
{
	struct step *s = arg;
	TRY(tx->db->ops->migration_lock(tx, e));
	TRY(read_done(tx, s, e));
	if (s->has_table)
		return OK;
	return tx->db->ops->script(tx,
		"CREATE TABLE sql_migrations (number $INT PRIMARY KEY, what TEXT NOT NULL, done_at $INT NOT NULL);"
		"CREATE TABLE sql_changes (one $INT PRIMARY KEY, count $INT NOT NULL);"
		"INSERT INTO sql_changes (one, count) VALUES (1, 0);", e);
}

static enum err_code run_step(struct sql_tx *tx, void *arg, struct err *e)
{
	struct step *s = arg;
	TRY(tx->db->ops->migration_lock(tx, e));
	TRY(read_done(tx, s, e));
	if (s->done >= s->m->number)	/* another process was faster */
		return OK;
	TRY(tx->db->ops->script(tx, s->m->text, e));
	return sql_run(tx, NULL, e, "INSERT INTO sql_migrations (number, what, done_at) VALUES (?1, ?2, ?3)", "izi", (int64_t)s->m->number,
		       s->m->what, (int64_t)os_now_s());
}

enum err_code sql_migrate(struct sql *db, const struct sql_options *o, struct err *e)
{
	struct step s = { .o = o };
	TRY(sql_read(db, look, &s, e));
	if (!s.has_table)
		TRY(sql_write(db, make_tables, &s, e));
	int before = 0;
	for (size_t i = 0; i < o->n_migrations; i++) {
		s.m = &o->migrations[i];
		if (s.m->number <= before)
			return err_set(e, ERR_INTERNAL, 0, "migrations are not in order");
		before = s.m->number;
		if (s.m->number > s.done && sql_write(db, run_step, &s, e) != OK)
			return err_prefix(e, "migration %d (%s)", s.m->number, s.m->what);
	}
	return OK;
}
