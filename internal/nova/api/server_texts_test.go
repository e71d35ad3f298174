package api

import (
	"testing"
)

// TestTexts has a kept text believed only while all that it was made of is the same.
func TestTexts(t *testing.T) {
	var k texts
	key := textKey{"s", "admin"}
	made := serverText{revision: 7, hostStatus: "UP", groups: "default", text: []byte("{}")}
	k.keep(key, made)
	if k.find(key, made) == nil {
		t.Error("what was kept is not found")
	}
	for what, change := range map[string]func(*textKey, *serverText){
		"another row":      func(_ *textKey, s *serverText) { s.revision = 8 },
		"host down":        func(_ *textKey, s *serverText) { s.hostStatus = "DOWN" },
		"another group":    func(_ *textKey, s *serverText) { s.groups = "web" },
		"another caller":   func(k *textKey, _ *serverText) { k.face = "member" },
		"another server":   func(k *textKey, _ *serverText) { k.id = "t" },
		"without revision": func(_ *textKey, s *serverText) { s.revision = 0 },
	} {
		other, now := key, made
		change(&other, &now)
		if k.find(other, now) != nil {
			t.Error(what)
		}
	}
	for i := range 2 * maxTexts {
		k.keep(textKey{string(rune(i)), ""}, made)
	}
	if len(k.kept) > maxTexts {
		t.Errorf("%d texts are kept", len(k.kept))
	}
}
