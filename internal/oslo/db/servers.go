package db

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// openPostgres uses the unnamed extended query: values are in the text, so
// caching a statement per text would only fill the server's memory.
func openPostgres(ctx context.Context, u *url.URL, o options) (*DB, error) {
	cfg, err := pgx.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
	cfg.RuntimeParams["timezone"] = "UTC"
	cfg.RuntimeParams["standard_conforming_strings"] = "on"
	cfg.RuntimeParams["default_transaction_isolation"] = "read committed"
	pool := serverPool(stdlib.OpenDB(*cfg), o)
	err = checkSettings(ctx, pool, []setting{
		{"SHOW timezone", "UTC"},
		{"SHOW standard_conforming_strings", "on"},
		{"SHOW default_transaction_isolation", "read committed"},
		{"SHOW server_encoding", "UTF8"},
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	d := &DB{engine: PostgreSQL, reader: bun.NewDB(pool, pgdialect.New())}
	d.writer, d.gen = d.reader, d.reader.QueryGen()
	return d, nil
}

// mariaMode makes MariaDB read the same text as the others and refuse what it
// would otherwise cut to fit.
const mariaMode = "STRICT_ALL_TABLES,ANSI_QUOTES,PIPES_AS_CONCAT,NO_ENGINE_SUBSTITUTION"

func openMariaDB(ctx context.Context, u *url.URL, o options) (*DB, error) {
	connector, err := mysql.NewConnector(mariaConfig(u))
	if err != nil {
		return nil, err
	}
	pool := serverPool(sql.OpenDB(connector), o)
	err = checkSettings(ctx, pool, []setting{
		{"SELECT @@tx_isolation", "READ-COMMITTED"},
		{"SELECT @@time_zone", "+00:00"},
		{"SELECT @@collation_connection", "utf8mb4_nopad_bin"},
		{"SELECT @@sql_mode LIKE '%STRICT_ALL_TABLES%' AND @@sql_mode LIKE '%PIPES_AS_CONCAT%' AND @@sql_mode LIKE '%ANSI_QUOTES%' AND @@sql_mode NOT LIKE '%NO_BACKSLASH%'", "1"},
	})
	if err != nil {
		pool.Close()
		return nil, err
	}
	d := &DB{engine: MariaDB, reader: bun.NewDB(pool, mysqldialect.New(mysqldialect.WithTimeLocation("UTC")))}
	d.writer, d.gen = d.reader, d.reader.QueryGen()
	return d, nil
}

func mariaConfig(u *url.URL) *mysql.Config {
	cfg := mysql.NewConfig()
	cfg.User = u.User.Username()
	cfg.Passwd, _ = u.User.Password()
	cfg.Net, cfg.Addr = "tcp", u.Host
	if u.Port() == "" {
		cfg.Addr = u.Hostname() + ":3306"
	}
	if socket := u.Query().Get("socket"); socket != "" {
		cfg.Net, cfg.Addr = "unix", socket
	}
	cfg.TLSConfig = u.Query().Get("tls") // "", "true", "preferred"
	cfg.DBName = strings.TrimPrefix(u.Path, "/")
	cfg.ParseTime, cfg.Loc = true, time.UTC
	cfg.ClientFoundRows = true // a change that changes nothing still found its row
	cfg.Params = map[string]string{
		"time_zone":            "'+00:00'",
		"tx_isolation":         "'READ-COMMITTED'",
		"sql_mode":             "'" + mariaMode + "'",
		"collation_connection": "'utf8mb4_nopad_bin'", // of the driver's own option only one byte arrives, and its number is above
	}
	return cfg
}

// setting is a question whose answer we rely on.
type setting struct{ ask, want string }

func checkSettings(ctx context.Context, pool *sql.DB, settings []setting) error {
	for _, s := range settings {
		var got string
		if err := pool.QueryRowContext(ctx, s.ask).Scan(&got); err != nil {
			return fmt.Errorf("%s: %w", s.ask, err)
		}
		if got != s.want {
			return fmt.Errorf("the engine answers %q with %q, not %q", s.ask, got, s.want)
		}
	}
	return nil
}
