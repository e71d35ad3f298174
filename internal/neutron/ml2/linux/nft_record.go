package linux

import (
	"encoding/json"
	"os"
	"strings"

	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// record tells over a restart what stands in a network namespace: the tables
// of a script, and the generation that the kernel reached with them. As long
// as the generation is the same nobody has touched the rules, and tables that
// are replaced, be it by the same ones, can cost a packet: in the instant of
// the change it meets the rules of before and the sets of after.
type record struct {
	Boot       string `json:"boot"`      // generations begin anew with the kernel
	Namespace  uint64 `json:"namespace"` // and with the namespace
	Generation uint32 `json:"generation"`
	Tables     print  `json:"tables"`
}

func newRecord(ns netns.NsHandle, tables ruleset) (record, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return record{}, err
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(ns), &st); err != nil {
		return record{}, err
	}
	return record{Boot: strings.TrimSpace(string(boot)), Namespace: st.Ino, Generation: generation(ns),
		Tables: fingerprint(tables.script(nil))}, nil
}

// stand tells whether exactly these tables stand in ns, by the record at path.
// Without a record that can be read they do not.
func (tables ruleset) stand(ns netns.NsHandle, path string) bool {
	data, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	var was record
	if json.Unmarshal(data, &was) != nil || was.Generation == 0 {
		return false
	}
	now, err := newRecord(ns, tables)
	return err == nil && now == was
}

// remember records at path that these tables stand in ns. What cannot be
// recorded is replaced after a restart.
func (tables ruleset) remember(ns netns.NsHandle, path string) error {
	now, err := newRecord(ns, tables)
	if err != nil {
		return err
	}
	data, err := json.Marshal(now)
	if err != nil {
		return err
	}
	return writeFile(path, data)
}
