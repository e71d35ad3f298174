package token

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// writer packs as the original does; it keeps the first error.
type writer struct {
	e       *msgpack.Encoder
	methods Methods
	err     error
}

func newWriter(to io.Writer, m Methods) *writer {
	e := msgpack.NewEncoder(to)
	e.UseCompactInts(true)
	return &writer{e: e, methods: m}
}

func (w *writer) keep(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) array(n int)   { w.keep(w.e.EncodeArrayLen(n)) }
func (w *writer) int(n int)     { w.keep(w.e.EncodeInt(int64(n))) }
func (w *writer) bool(b bool)   { w.keep(w.e.EncodeBool(b)) }
func (w *writer) text(s string) { w.keep(w.e.EncodeString(s)) }

func (w *writer) time(t time.Time) { w.keep(w.e.EncodeFloat64(float64(t.UnixMicro()) / 1e6)) }

// short is the 16 bytes of an ID of 32 hexadecimal digits.
func short(id string) ([]byte, bool) {
	b, err := hex.DecodeString(id)
	return b, err == nil && len(b) == 16 && hex.EncodeToString(b) == id
}

// id packs an ID with a word on whether it was shortened. The original's None is "".
func (w *writer) id(id string) {
	_, ok := short(id)
	w.array(2)
	w.bool(ok)
	if id == "" {
		w.keep(w.e.EncodeNil())
		return
	}
	w.bare(id)
}

func (w *writer) bare(id string) {
	if b, ok := short(id); ok {
		w.keep(w.e.EncodeBytes(b))
		return
	}
	w.text(id)
}

func (w *writer) audits(ids []string) {
	w.array(len(ids))
	for _, id := range ids {
		b, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil {
			w.keep(fmt.Errorf("audit ID %q: %w", id, err))
			return
		}
		w.keep(w.e.EncodeBytes(b))
	}
}

// reader takes a payload apart; after the first surprise it is bad and gives zeros.
type reader struct {
	d       *msgpack.Decoder
	methods Methods
	left    int // bytes of the whole payload, a bound on every length in it
	bad     bool
}

func (r *reader) check(err error) bool {
	r.bad = r.bad || err != nil
	return !r.bad
}

func (r *reader) array() int {
	if r.bad {
		return 0
	}
	n, err := r.d.DecodeArrayLen()
	if !r.check(err) || n < 0 || n > r.left {
		r.bad = true
		return 0
	}
	return n
}

func (r *reader) int() int {
	if r.bad {
		return 0
	}
	n, err := r.d.DecodeInt64()
	if !r.check(err) || n < 0 || n > math.MaxInt32 {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) id() string {
	if n := r.array(); n != 2 {
		r.bad = true
		return ""
	}
	short, err := r.d.DecodeBool()
	if !r.check(err) {
		return ""
	}
	if code, err := r.d.PeekCode(); !short && err == nil && code == msgpcode.Nil {
		r.check(r.d.DecodeNil())
		return ""
	}
	return r.bare(short)
}

func (r *reader) ids() []string {
	n := r.array()
	ids := make([]string, 0, n)
	for range n {
		if r.bad {
			return nil
		}
		ids = append(ids, r.id())
	}
	return ids
}

// bare reads bytes or text; shortened bytes become hexadecimal digits.
func (r *reader) bare(shortened bool) string {
	if r.bad {
		return ""
	}
	b := r.bytes()
	if shortened && len(b) == 16 {
		return hex.EncodeToString(b)
	}
	return string(b)
}

func (r *reader) bytes() []byte {
	code, err := r.d.PeekCode()
	if !r.check(err) {
		return nil
	}
	if !msgpcode.IsString(code) && !msgpcode.IsBin(code) {
		r.bad = true
		return nil
	}
	n, err := r.d.DecodeBytesLen()
	if !r.check(err) || n < 0 || n > r.left {
		r.bad = true
		return nil
	}
	b := make([]byte, n)
	r.check(r.d.ReadFull(b))
	return b
}

func (r *reader) time() time.Time {
	if r.bad {
		return time.Time{}
	}
	f, err := r.d.DecodeFloat64()
	if !r.check(err) || !(f >= 0 && f <= maxTime) {
		r.bad = true
		return time.Time{}
	}
	return time.UnixMicro(int64(math.Round(f * 1e6))).UTC()
}

func (r *reader) audits() []string {
	n := r.array()
	ids := make([]string, 0, n)
	for range n {
		if r.bad {
			return nil
		}
		ids = append(ids, base64.RawURLEncoding.EncodeToString(r.bytes()))
	}
	return ids
}
