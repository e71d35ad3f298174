// Package signature checks requests that were signed with a shared secret in
// the ways of Amazon's EC2 and S3 and of OAuth 1.0. It does no I/O and knows
// no clock: whether a request is too old is asked elsewhere.
package signature

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// ErrMalformed is a request that cannot have been signed in any known way.
var ErrMalformed = errors.New("the request is not signed in a known way")

// EC2 is what there is of a request to EC2 to make its signature of.
type EC2 struct {
	Verb, Host, Path string
	Params           map[string]string
	Headers          map[string]string
	BodyHash         string // SHA-256, hexadecimal; version 4 only
}

// Sign gives the signature that a request has when it was signed with secret:
// version 0, 1 or 2 by the parameter SignatureVersion, else version 4.
func (r EC2) Sign(secret string) (string, error) {
	switch r.Params["SignatureVersion"] {
	case "0":
		return r.version0(secret)
	case "1":
		return r.version1(secret), nil
	case "2":
		return r.version2(secret), nil
	}
	if r.isVersion4() {
		return r.version4(secret)
	}
	return "", ErrMalformed
}

func (r EC2) version0(secret string) (string, error) {
	action, ok1 := r.Params["Action"]
	timestamp, ok2 := r.Params["Timestamp"]
	if !ok1 || !ok2 {
		return "", ErrMalformed
	}
	return base64.StdEncoding.EncodeToString(mac(sha1.New, []byte(secret), action+timestamp)), nil
}

func (r EC2) version1(secret string) string {
	keys := slices.SortedFunc(maps.Keys(r.Params), func(a, b string) int {
		return cmp.Or(strings.Compare(strings.ToLower(a), strings.ToLower(b)), strings.Compare(a, b))
	})
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k + r.Params[k])
	}
	return base64.StdEncoding.EncodeToString(mac(sha1.New, []byte(secret), b.String()))
}

func (r EC2) version2(secret string) string {
	params := maps.Clone(r.Params)
	params["SignatureMethod"] = "HmacSHA256"
	text := r.Verb + "\n" + r.Host + "\n" + r.Path + "\n" + canonicalQuery(params)
	return base64.StdEncoding.EncodeToString(mac(sha256.New, []byte(secret), text))
}

const algorithm4 = "AWS4-HMAC-SHA256"

// isVersion4 reports whether header or query say so.
func (r EC2) isVersion4() bool {
	return strings.HasPrefix(r.Headers["Authorization"], algorithm4) || r.Params["X-Amz-Algorithm"] == algorithm4
}

func (r EC2) version4(secret string) (string, error) {
	credential := strings.Split(r.auth4("Credential"), "/")
	date := r.Headers["X-Amz-Date"]
	if date == "" {
		date = r.Params["X-Amz-Date"]
	}
	if len(credential) != 5 || credential[1] == "" || !strings.HasPrefix(date, credential[1]) {
		return "", ErrMalformed
	}
	query := ""
	if !strings.EqualFold(r.Verb, "POST") { // whose parameters are in the body
		query = canonicalQuery(r.Params)
	}
	signed := r.auth4("SignedHeaders")
	request := strings.Join([]string{strings.ToUpper(r.Verb), r.Path, query, r.headers4(signed), signed, r.BodyHash}, "\n")
	sum := sha256.Sum256([]byte(request))
	text := strings.Join([]string{algorithm4, date, strings.Join(credential[1:], "/"), hex.EncodeToString(sum[:])}, "\n")
	return hex.EncodeToString(mac(sha256.New, key4(secret, credential[1], credential[2], credential[3]), text)), nil
}

// auth4 is a field of the authorisation, in the header or the query.
func (r EC2) auth4(name string) string {
	header, ok := r.Headers["Authorization"]
	if !ok {
		return r.Params["X-Amz-"+name]
	}
	_, rest, _ := strings.Cut(header, name+"=")
	value, _, _ := strings.Cut(rest, ",")
	return value
}

// oldBoto leaves the port out of the host header it signs.
var oldBoto = regexp.MustCompile(`^Boto/2\.[0-9]\.[0-2]`)

// headers4 lists the signed headers that the request has, each on a line.
func (r EC2) headers4(signed string) string {
	have := map[string]string{}
	for k, v := range r.Headers {
		have[strings.ToLower(strings.TrimSpace(k))] = strings.TrimSpace(v)
	}
	if oldBoto.MatchString(have["user-agent"]) {
		have["host"], _, _ = strings.Cut(have["host"], ":")
	}
	var lines []string
	for name := range strings.SplitSeq(signed, ";") {
		if value, ok := have[name]; ok {
			lines = append(lines, name+":"+value)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

// key4 is the key of version 4 for a day, a region and a service.
func key4(secret, date, region, service string) []byte {
	key := []byte("AWS4" + secret)
	for _, part := range []string{date, region, service, "aws4_request"} {
		key = mac(sha256.New, key, part)
	}
	return key
}

// canonicalQuery is a query string in the order of its keys.
func canonicalQuery(params map[string]string) string {
	pairs := make([]string, 0, len(params))
	for _, k := range slices.Sorted(maps.Keys(params)) {
		pairs = append(pairs, escape(k)+"="+escape(params[k]))
	}
	return strings.Join(pairs, "&")
}

func mac(h func() hash.Hash, key []byte, text string) []byte {
	m := hmac.New(h, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// escape is percent-encoding of all but the unreserved characters of RFC 3986.
func escape(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("-_.~", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		}
	}
	return b.String()
}

// Equal compares signatures in constant time.
func Equal(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }
