// Package tables makes the tables of a store and leads them from version to version.
package tables

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"importer/internal/store/fault"
)

// An UnfitError says that a store will not do, whenever it is asked: to be put right, or
// another one to be named.
type UnfitError struct{ reason string }

func (e *UnfitError) Error() string { return e.reason }

// Unfit is an *UnfitError.
func Unfit(format string, args ...any) error { return &UnfitError{fmt.Sprintf(format, args...)} }

// migrations lead an empty store to the version that this program works with: the n-th
// makes version n out of the one before. One that was released is never changed.
var migrations = []string{1: `
create table importer_run (
	id          bigint generated always as identity primary key,
	kind        text not null,  -- report or state
	base_url    text not null,
	project_id  text not null,
	name        text not null,
	epoch       bigint not null default 0,  -- counts the claims; what an earlier one sends is refused
	owner       text,                       -- who holds it, as JSON
	lease_until timestamptz,                -- by the clock of the database; null: nobody holds it
	lapsed      timestamptz,                -- when the last lease ended that was not given back
	changed     bigint not null default 0,  -- counts transactions, to recognize one whose answer was lost
	created_at  timestamptz not null default clock_timestamp(),
	changed_at  timestamptz not null default clock_timestamp(),
	status      text,   -- how its last run ended; null: it has not
	summary     jsonb,  -- of that run
	config      jsonb,  -- the settings of its last run, without secrets
	unique (kind, base_url, project_id, name)
);
create table importer_journal (
	run   bigint not null references importer_run on delete cascade,
	seq   bigint not null,
	epoch bigint not null,
	start bigint not null,  -- in bytes from the beginning of the journal
	at    timestamptz not null default clock_timestamp(),
	lines bytea not null,   -- complete lines
	primary key (run, seq),
	unique (run, start)
);
create table importer_file (
	run   bigint not null references importer_run on delete cascade,
	name  text not null,
	part  int not null,
	at    timestamptz not null default now(),  -- the same of all parts
	last  boolean not null,
	bytes bytea not null,
	primary key (run, name, part)
);
create table importer_state (  -- without a reference, which would be looked up for each row
	run bigint not null,
	tab text not null,
	key bytea not null,
	row bytea not null,
	primary key (run, tab, key)
);
create table importer_quota (
	pool text primary key,
	page bytea not null,
	at   timestamptz not null default clock_timestamp()
);
do $$ begin
	if (select 'lz4' = any(enumvals) from pg_settings where name = 'default_toast_compression') then
		alter table importer_journal alter column lines set compression lz4;
		alter table importer_file alter column bytes set compression lz4;
	end if;
end $$;
`}

// tables are what this program uses of the newest version.
var tables = map[string][]string{
	"importer_version": {"version"},
	"importer_run":     {"id", "kind", "base_url", "project_id", "name", "epoch", "owner", "lease_until", "lapsed", "changed", "created_at", "changed_at", "status", "summary", "config"},
	"importer_journal": {"run", "seq", "epoch", "start", "at", "lines"},
	"importer_file":    {"run", "name", "part", "at", "last", "bytes"},
	"importer_state":   {"run", "tab", "key", "row"},
	"importer_quota":   {"pool", "page", "at"},
}

// Names are those of all tables.
func Names() []string { return slices.Sorted(maps.Keys(tables)) }

// Newest is the version of the tables that this program works with.
var Newest = len(migrations) - 1

// Lock is the key of the advisory lock under which tables are made.
const Lock = 0x696d706f72746572 // "importer"

// A Pool is where the tables are, or are to be.
type Pool interface {
	Querier
	Begin(ctx context.Context) (pgx.Tx, error)
}

// Make makes the tables, or leads them to the newest version, and looks whether they
// are this program's and may be used. An *UnfitError says that they are not, or may not.
func Make(ctx context.Context, pool Pool) error {
	version, err := Version(ctx, pool)
	if err != nil {
		return err
	}
	if version < Newest {
		err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return lead(ctx, tx) })
		if err != nil {
			return err
		}
	}
	return Usable(ctx, pool)
}

// A Querier is a pool or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Version is that of the tables; 0 where there are none. Tables that are not of this
// program are an error.
func Version(ctx context.Context, q Querier) (version int, err error) {
	found, err := columns(ctx, q)
	if err != nil {
		return 0, err
	}
	at, has := found["importer_version"]
	if !has && len(found) > 0 {
		return 0, foreign(anyOf(found), "and there is no table importer_version")
	}
	if !has {
		return 0, nil
	}
	if !slices.Equal(at, tables["importer_version"]) {
		return 0, foreign("importer_version", "its columns are "+strings.Join(at, ", "))
	}
	rows, err := q.Query(ctx, "select version from importer_version limit 2")
	if err != nil {
		return 0, err
	}
	versions, err := pgx.CollectRows(rows, pgx.RowTo[int])
	switch {
	case fault.State(err) != "":
		return 0, err
	case err != nil:
		return 0, foreign("importer_version", "its column is no number")
	case len(versions) != 1 || versions[0] < 1:
		return 0, foreign("importer_version", "it does not hold one version")
	case versions[0] > Newest:
		return 0, Unfit("its tables are of version %d, which a later version of this program made, and this one knows %d: update this program", versions[0], Newest)
	}
	return versions[0], nil
}

// foreign is the error of a table that has the name of one of ours.
func foreign(table, why string) error {
	return Unfit("there is a table %s that is not this program's (%s): use another database, or a schema of its own with options=-csearch_path%%3Dname in the address", table, why)
}

// anyOf is a table of those found, the same each time.
func anyOf(found map[string][]string) string {
	first := ""
	for t := range found {
		if first == "" || t < first {
			first = t
		}
	}
	return first
}

// columns are those of the tables there are of our names, where a statement finds them,
// in the order of the alphabet.
func columns(ctx context.Context, q Querier) (map[string][]string, error) {
	rows, err := q.Query(ctx, `select t.name, coalesce((select array_agg(a.attname::text order by a.attname::text) from pg_attribute a
		where a.attrelid = to_regclass(t.name) and a.attnum > 0 and not a.attisdropped), '{}')
		from unnest($1::text[]) as t(name) where to_regclass(t.name) is not null`, Names())
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	var table string
	var cols []string
	_, err = pgx.ForEachRow(rows, []any{&table, &cols}, func() error {
		found[table] = slices.Clone(cols)
		return nil
	})
	return found, err
}

// lead makes the newest version of the tables. Of two programs at once, one waits.
func lead(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "select pg_advisory_xact_lock($1)", int64(Lock)); err != nil {
		return err
	}
	version, err := Version(ctx, tx)
	if err != nil || version == Newest {
		return err
	}
	if err := MayCreate(ctx, tx); err != nil {
		return err
	}
	for _, m := range migrations[version+1:] {
		if _, err := tx.Exec(ctx, m, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	if version == 0 {
		_, err = tx.Exec(ctx, "create table importer_version (version int not null); insert into importer_version values ("+fmt.Sprint(Newest)+")", pgx.QueryExecModeSimpleProtocol)
	} else {
		_, err = tx.Exec(ctx, "update importer_version set version = $1", Newest)
	}
	return err
}

// MayCreate is an error where this user cannot make tables.
func MayCreate(ctx context.Context, tx pgx.Tx) error {
	var schema, user string
	var may bool
	err := tx.QueryRow(ctx, "select coalesce(current_schema(), ''), current_user::text, coalesce(has_schema_privilege(current_schema(), 'create'), false)").Scan(&schema, &user, &may)
	switch {
	case err != nil:
		return err
	case schema == "":
		return Unfit("there is no schema for its tables that the user %s may use (search_path names none that is there): create schema importer authorization %s, and give options=-csearch_path%%3Dimporter in the address", user, user)
	case !may:
		return Unfit("the user %s may not make tables in the schema %s: have its owner run: grant create on schema %s to %s (the first run makes the tables)", user, schema, schema, user)
	}
	return nil
}

// Usable is an error where a table lacks a column, or this user a right.
func Usable(ctx context.Context, pool Querier) error {
	found, err := columns(ctx, pool)
	if err != nil {
		return err
	}
	for table, cols := range tables {
		for _, c := range cols {
			if !slices.Contains(found[table], c) {
				return Unfit("the table %s is not as this program made it: it has no column %s; restore the database from a backup, or use another", table, c)
			}
		}
	}
	rows, err := pool.Query(ctx, `select t, p, current_user::text from unnest($1::text[]) t, unnest(array['select', 'insert', 'update', 'delete']) p
		where not has_table_privilege(to_regclass(t), p) and (t <> 'importer_version' or p = 'select') order by t, p limit 1`, Names())
	if err != nil {
		return err
	}
	var table, right, user string
	if _, err := pgx.ForEachRow(rows, []any{&table, &right, &user}, func() error {
		return Unfit("the user %s lacks a right (%s on %s): have the owner of the tables run: grant select, insert, update, delete on all tables in schema … to %s", user, right, table, user)
	}); err != nil {
		return err
	}
	return nil
}
