package telemetry

import (
	"slices"
	"testing"
)

func TestReadOnly(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 1    /bin/nacre
Size:               1024 kB
Anonymous:             0 kB
00500000-00600000 r--p 00100000 fe:00 1    /bin/nacre
Anonymous:             4 kB
00600000-00700000 rw-p 00200000 fe:00 1    /bin/nacre
Anonymous:             0 kB
00700000-00800000 r--p 00000000 fe:00 2    /lib/other
Anonymous:             0 kB
7f0000000000-7f0000001000 r--p 00000000 00:00 0
Anonymous:             0 kB
`
	if got := readOnly(smaps, "/bin/nacre"); !slices.Equal(got, []mapping{{0x400000, 0x500000}}) {
		t.Error(got)
	}
	if err := dropProgram(); err != nil {
		t.Error(err)
	}
}
