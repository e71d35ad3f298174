// Package configdrive writes config drives: an ISO 9660 image labelled config-2 that holds a guest's metadata. Names are
// kept as they are by Rock Ridge (Linux) and Joliet (Windows) records. It does not decide what is on the drive.
package configdrive

import (
	"fmt"
	"os"
	"path"
	"sort"
	"strings"
	"time"
)

// Label is the volume name by which guests find the drive.
const Label = "config-2"

// maxName is what Joliet allows a name to have, in characters.
const maxName = 64

// Build returns the image that holds files, a map from slash-separated relative path to content; at is every file's
// modification time. The same input yields the same bytes.
func Build(files map[string][]byte, at time.Time) ([]byte, error) {
	root := &node{dir: true}
	root.parent = root
	for _, name := range sortedKeys(files) {
		if err := root.add(name, files[name]); err != nil {
			return nil, err
		}
	}
	root.nameForISO()
	return newLayout(root, at.UTC()).image(), nil
}

// WriteFile writes the image of files to path, readable by the owner only, whole or not at all.
func WriteFile(to string, files map[string][]byte, at time.Time) error {
	img, err := Build(files, at)
	if err != nil {
		return err
	}
	tmp := to + ".new"
	if err := os.WriteFile(tmp, img, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, to)
}

// node is a file or directory of the tree.
type node struct {
	name     string
	isoName  string
	dir      bool
	data     []byte
	parent   *node
	children []*node
	extent   [2]uint32 // first sector in the ISO tree and in the Joliet tree; a file's are equal
	size     [2]uint32 // bytes, whole sectors for a directory
	number   [2]uint16 // in the path table, of a directory
}

// add puts a file under n, with the directories on the way.
func (n *node) add(name string, data []byte) error {
	if name != path.Clean(name) || strings.HasPrefix(name, "/") || strings.HasPrefix(name, "..") || name == "." {
		return fmt.Errorf("config drive: %q is not a clean relative path", name)
	}
	parts := strings.Split(name, "/")
	if len(parts) > 8 {
		return fmt.Errorf("config drive: %q is nested more than 8 deep", name)
	}
	for _, p := range parts {
		if len([]rune(p)) > maxName {
			return fmt.Errorf("config drive: a name in %q has more than %d characters", name, maxName)
		}
	}
	for _, p := range parts[:len(parts)-1] {
		child := n.child(p)
		if child == nil {
			child = &node{name: p, dir: true, parent: n}
			n.children = append(n.children, child)
		}
		if !child.dir {
			return fmt.Errorf("config drive: %q is both a file and a directory", name)
		}
		n = child
	}
	last := parts[len(parts)-1]
	if n.child(last) != nil {
		return fmt.Errorf("config drive: %q is both a file and a directory", name)
	}
	n.children = append(n.children, &node{name: last, data: data, parent: n})
	return nil
}

func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// nameForISO gives everything below n its name in the plain ISO tree: upper case, level 2, unique in its directory.
func (n *node) nameForISO() {
	taken := map[string]bool{}
	for _, c := range n.children {
		base, ext := isoParts(c)
		name := base + ext
		for i := 1; taken[name]; i++ {
			suffix := fmt.Sprintf("_%d", i)
			name = base[:min(len(base), 27-len(ext)-len(suffix))] + suffix + ext
		}
		taken[name] = true
		c.isoName = name
		if !c.dir {
			c.isoName += ";1"
		}
		c.nameForISO()
	}
}

// isoParts maps a name to the characters that ISO 9660 allows.
func isoParts(n *node) (base, ext string) {
	clean := func(s string, limit int) string {
		s = strings.Map(func(r rune) rune {
			if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
				return r
			}
			return '_'
		}, strings.ToUpper(s))
		return s[:min(len(s), limit)]
	}
	if n.dir {
		return clean(n.name, 27), ""
	}
	dot := strings.LastIndexByte(n.name, '.')
	if dot < 0 {
		return clean(n.name, 27), "."
	}
	ext = "." + clean(n.name[dot+1:], 8)
	return clean(n.name[:dot], 27-len(ext)), ext
}

func sortedKeys(m map[string][]byte) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
