package linux

import (
	"encoding/json"
	"errors"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
)

// numbers gives objects small numbers (packet marks of ports, conntrack zones
// of networks) that stay the same as long as the object is on this host, over
// restarts too: a running flow must not change its zone.
type numbers struct {
	path  string
	Marks map[string]uint16 `json:"marks"` // by port, 1 … trustedMark-1
	Zones map[string]uint16 `json:"zones"` // by network, 1 … maxZone
}

const maxZone = 0xffff

func openNumbers(path string) (*numbers, error) {
	n := &numbers{path: path, Marks: map[string]uint16{}, Zones: map[string]uint16{}}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	} else if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, n); err != nil { // torn by a power cut: flows may be cut once
		n.Marks, n.Zones = map[string]uint16{}, map[string]uint16{}
	}
	return n, nil
}

// keep gives every port and network a number, forgets all others and saves
// what changed.
func (n *numbers) keep(ports, networks []string) error {
	changed := assign(n.Marks, ports, trustedMark-1)
	changed = assign(n.Zones, networks, maxZone) || changed
	if !changed {
		return nil
	}
	data, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return writeFile(n.path, data)
}

// assign makes the keys of m exactly ids, with distinct values 1 … limit.
func assign(m map[string]uint16, ids []string, limit uint32) (changed bool) {
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	taken := make(map[uint16]bool, len(m))
	for id, v := range m {
		if wanted[id] {
			taken[v] = true
		} else {
			delete(m, id)
			changed = true
		}
	}
	for _, id := range ids {
		if _, ok := m[id]; !ok && uint32(len(taken)) < limit {
			m[id] = free(taken, id, limit)
			taken[m[id]] = true
			changed = true
		}
	}
	return changed
}

// free finds a number near the hash of id, so that numbers are rarely reused soon.
func free(taken map[uint16]bool, id string, limit uint32) uint16 {
	h := fnv.New32a()
	h.Write([]byte(id))
	for v := h.Sum32() % limit; ; v = (v + 1) % limit {
		if !taken[uint16(v+1)] {
			return uint16(v + 1)
		}
	}
}

// writeFile replaces a file in one step.
func writeFile(path string, data []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path))
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}
