package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"nacre/internal/nova"
	"nacre/internal/oslo/httpapi"
)

// maxTexts bounds the servers whose text is kept: two full pages, some 4 MB.
const maxTexts = 2000

// texts are servers as lists showed them last. One is believed as long as all
// that it was made of is the same.
type texts struct {
	mu   sync.Mutex
	kept map[textKey]serverText
}

// textKey is a server as a certain kind of caller sees it.
type textKey struct{ id, face string }

type serverText struct {
	revision           int64 // of the row
	hostStatus, groups string
	text               json.RawMessage // only read
}

// faceOf tells apart all who do not see the same of a server.
func faceOf(c *httpapi.Call, may seen) string {
	return fmt.Sprint(c.Version, c.BaseURL(), root(c), may.extended, may.hostStatus, may.unknown, may.extraSpecs, may.admin)
}

// of gives each server's text.
func (t *texts) of(c *httpapi.Call, list []nova.Server, may seen) []json.RawMessage {
	out := make([]json.RawMessage, len(list))
	face := faceOf(c, may)
	for i := range list {
		s := &list[i]
		key := textKey{s.ID, face}
		now := serverText{revision: s.Revision, hostStatus: may.host[s.Host], groups: strings.Join(may.security[s.ID], "\x00")}
		if out[i] = t.find(key, now); out[i] != nil {
			continue
		}
		v := newServerView(c, *s, may)
		serverChanges.Before(c.Version, &v)
		now.text = v.append(make([]byte, 0, 2048))
		t.keep(key, now)
		out[i] = now.text
	}
	return out
}

// find is the text of a server that is as now says, or nil.
func (t *texts) find(key textKey, now serverText) json.RawMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	had := t.kept[key]
	if now.revision == 0 || had.revision != now.revision || had.hostStatus != now.hostStatus || had.groups != now.groups {
		return nil
	}
	return had.text
}

func (t *texts) keep(key textKey, text serverText) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept == nil {
		t.kept = map[textKey]serverText{}
	}
	for old := range t.kept { // in no order
		if len(t.kept) < maxTexts {
			break
		}
		delete(t.kept, old)
	}
	t.kept[key] = text
}
