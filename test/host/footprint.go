package host

import (
	"bufio"
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	_ "modernc.org/sqlite" // reads the cloud's databases beside it
)

// Footprint is what a cloud has on its machine and in its databases, each
// thing once: "link tap0123", "process dnsmasq", "row nova.servers".
type Footprint []string

// Footprint looks at everything that a server, network or image leaves while it is there.
func (h *Host) Footprint() Footprint {
	h.t.Helper()
	var f Footprint
	add := func(kind, lines string) {
		for s := bufio.NewScanner(strings.NewReader(lines)); s.Scan(); {
			if line := strings.TrimSpace(s.Text()); line != "" {
				f = append(f, kind+" "+line)
			}
		}
	}
	add("link", h.Must("sh", "-c", "ip -o link | cut -d: -f2 | cut -d@ -f1"))
	add("namespace", h.Must("ls", "/run/netns"))
	add("filter", h.Must("sh", "-c", "nft list ruleset | grep -o 'tap[0-9a-f]\\{8\\}-[0-9a-f]\\{2\\}\\|[a-z]*-[0-9a-f]\\{8\\}-[0-9a-f-]\\{27\\}' | sort -u"))
	add("file", h.Must("sh", "-c", "cd "+h.Dir+" && (find instances glance; find libvirt/etc libvirt/run/qemu libvirt/lib/qemu neutron -not -type d -not -name '*.pid') 2>/dev/null; true"))
	for _, pid := range h.Processes("") {
		add("process", h.name(pid))
	}
	for _, row := range h.rows() {
		add("row", row)
	}
	slices.Sort(f)
	return f
}

// Settled is the footprint of a cloud that has come to rest: no flow goes on,
// and a second look sees what the first one saw.
func (h *Host) Settled() (f Footprint) {
	h.t.Helper()
	h.Until("the cloud comes to rest", time.Minute, func() bool {
		last := f
		time.Sleep(time.Second)
		f = h.Footprint()
		return slices.Equal(f, last) && !slices.ContainsFunc(f, func(thing string) bool { return strings.HasSuffix(thing, ".nacre_flows") })
	})
	return f
}

// Without lists what is in f and not in other.
func (f Footprint) Without(other Footprint) Footprint {
	left := slices.Clone(other)
	var out Footprint
	for _, thing := range f {
		if i := slices.Index(left, thing); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			out = append(out, thing)
		}
	}
	return out
}

// Processes lists the processes on the machine that run a program, or all but
// the cloud itself and what a test runs.
func (h *Host) Processes(program string) (found []int) {
	mine := h.namespace("net", h.holder.Process.Pid)
	for _, pid := range pids() {
		name := h.name(pid)
		if program != "" && !strings.HasPrefix(name, program) || program == "" && slices.Contains(passing, name) {
			continue
		}
		if h.namespace("net", pid) == mine || h.descends(pid) {
			found = append(found, pid)
		}
	}
	return found
}

// passing are the cloud, the machine, and what comes and goes.
var passing = []string{"", "nacre", "sleep", "nsenter", "sh", "ip", "nft", "qemu-img", "ls"}

// name is a process's program without its directory.
func (h *Host) name(pid int) string {
	cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	program, _, _ := bytes.Cut(cmdline, []byte{0})
	if bytes.Equal(program, []byte(os.Getenv("NACRE_BINARY"))) {
		return "nacre"
	}
	return filepath.Base(string(program))
}

// history are tables that tell of what is gone, or of the schema.
var history = []string{"migrations", "nacre_migrations", "nacre_locks", "revisions", "revocation_events", "sqlite_sequence",
	"instance_actions", "instance_action_events", "scheduling_accounts", "address_sets", "address_set_changes",
	"image_properties"} // of deleted images, too

// rows names each table once for each of its rows that is not history.
func (h *Host) rows() (out []string) {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.Dir, "db", "*.db"))
	if err != nil || len(files) == 0 {
		h.t.Fatalf("no databases in %s: %v", h.Dir, err)
	}
	for _, file := range files {
		if err := rowsOf(file, &out); err != nil {
			h.t.Fatalf("read %s: %v", file, err)
		}
	}
	return out
}

func rowsOf(file string, out *[]string) error {
	db, err := sql.Open("sqlite", "file:"+file+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return err
	}
	defer db.Close()
	tables, err := Texts(db, "SELECT name FROM sqlite_master WHERE type = 'table'")
	if err != nil {
		return err
	}
	for _, table := range tables {
		if slices.Contains(history, table) {
			continue
		}
		columns, err := Texts(db, "SELECT name FROM pragma_table_info('"+table+"')")
		if err != nil {
			return err
		}
		query := "SELECT count(*) FROM " + table
		for _, ended := range []string{"deleted_at", "finished_at"} {
			if slices.Contains(columns, ended) {
				query += " WHERE " + ended + " IS NULL"
			}
		}
		var count int
		if err := db.QueryRow(query).Scan(&count); err != nil {
			return err
		}
		for range count {
			*out = append(*out, strings.TrimSuffix(filepath.Base(file), ".db")+"."+table)
		}
	}
	return nil
}

// Texts is the one column that a query gives.
func Texts(db *sql.DB, query string) (out []string, err error) {
	rows, err := db.Query(query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}
