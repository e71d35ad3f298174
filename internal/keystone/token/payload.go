package token

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/vmihailenco/msgpack/v5"
	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

// Payload is what a token says. At most one of ProjectID, DomainID and System
// is set; none is an unscoped token.
type Payload struct {
	UserID    string
	Methods   []string
	ProjectID string
	DomainID  string
	System    bool
	ExpiresAt time.Time
	AuditIDs  []string  // the token's own, then that of the token it descends from
	IssuedAt  time.Time // whole seconds, part of the seal
}

// The layouts of the original that we know, by their version number.
const (
	unscoped      = 0
	domainScoped  = 1
	projectScoped = 2
	systemScoped  = 8
)

// methodBits are the original's default authentication methods, lowest bit first.
var methodBits = []string{"external", "password", "token", "oauth1", "mapped", "application_credential"}

// layout is the version of p and the packing of its scope, nil when it has none.
func (p Payload) layout() (int, func(*msgpack.Encoder) error) {
	switch {
	case p.System:
		return systemScoped, func(e *msgpack.Encoder) error { return e.EncodeString("all") }
	case p.DomainID != "":
		return domainScoped, func(e *msgpack.Encoder) error { return encodeBare(e, p.DomainID) }
	case p.ProjectID != "":
		return projectScoped, func(e *msgpack.Encoder) error { return encodeID(e, p.ProjectID) }
	}
	return unscoped, nil
}

func (p Payload) pack() ([]byte, error) {
	var buf bytes.Buffer
	e := msgpack.NewEncoder(&buf)
	e.UseCompactInts(true)
	version, scope := p.layout()
	n := 5
	if scope != nil {
		n++
	}
	steps := []func() error{
		func() error { return e.EncodeArrayLen(n) },
		func() error { return e.EncodeInt(int64(version)) },
		func() error { return encodeID(e, p.UserID) },
		func() error { return e.EncodeInt(int64(bitsOf(p.Methods))) },
		func() error {
			if scope == nil {
				return nil
			}
			return scope(e)
		},
		func() error { return e.EncodeFloat64(float64(p.ExpiresAt.UnixMicro()) / 1e6) },
		func() error { return encodeAudit(e, p.AuditIDs) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, fmt.Errorf("pack token: %w", err)
		}
	}
	return buf.Bytes(), nil
}

func bitsOf(methods []string) (bits int) {
	for i, name := range methodBits {
		for _, m := range methods {
			if m == name {
				bits |= 1 << i
			}
		}
	}
	return bits
}

// namesOf lists methods from the highest bit down, as the original does.
func namesOf(bits int) []string {
	names := []string{}
	for i := len(methodBits) - 1; i >= 0; i-- {
		if bits&(1<<i) != 0 {
			names = append(names, methodBits[i])
		}
	}
	return names
}

// short is the 16 bytes of an ID of 32 hexadecimal digits.
func short(id string) ([]byte, bool) {
	b, err := hex.DecodeString(id)
	return b, err == nil && len(b) == 16 && hex.EncodeToString(b) == id
}

// encodeID packs an ID with a word on whether it was shortened.
func encodeID(e *msgpack.Encoder, id string) error {
	if err := e.EncodeArrayLen(2); err != nil {
		return err
	}
	_, ok := short(id)
	if err := e.EncodeBool(ok); err != nil {
		return err
	}
	return encodeBare(e, id)
}

func encodeBare(e *msgpack.Encoder, id string) error {
	if b, ok := short(id); ok {
		return e.EncodeBytes(b)
	}
	return e.EncodeString(id)
}

func encodeAudit(e *msgpack.Encoder, ids []string) error {
	if err := e.EncodeArrayLen(len(ids)); err != nil {
		return err
	}
	for _, id := range ids {
		b, err := base64.RawURLEncoding.DecodeString(id)
		if err != nil {
			return fmt.Errorf("audit ID %q: %w", id, err)
		}
		if err := e.EncodeBytes(b); err != nil {
			return err
		}
	}
	return nil
}

// unpack reads a payload; anything unexpected is ErrInvalid.
func unpack(b []byte) (p Payload, err error) {
	r := &reader{d: msgpack.NewDecoder(bytes.NewReader(b)), left: len(b)}
	n := r.array()
	version := r.int()
	scoped := version == domainScoped || version == projectScoped || version == systemScoped
	if r.bad || !scoped && version != unscoped || n != 5 && !scoped || n != 6 && scoped {
		return p, ErrInvalid
	}
	p.UserID = r.id()
	p.Methods = namesOf(r.int())
	switch version {
	case domainScoped:
		p.DomainID = r.bare(true)
	case projectScoped:
		p.ProjectID = r.id()
	case systemScoped:
		p.System = r.bare(false) == "all"
		r.bad = r.bad || !p.System
	}
	p.ExpiresAt = r.time()
	p.AuditIDs = r.audit()
	if r.bad || p.UserID == "" || version == projectScoped && p.ProjectID == "" || version == domainScoped && p.DomainID == "" {
		return Payload{}, ErrInvalid
	}
	return p, nil
}

// reader takes a payload apart; after the first surprise it is bad and gives zeros.
type reader struct {
	d    *msgpack.Decoder
	left int // bytes of the whole payload, a bound on every length in it
	bad  bool
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
	return r.bare(short)
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

func (r *reader) audit() []string {
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
