package signature

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// OAuth1 is a request that was signed as RFC 5849 says, in its Authorization header.
type OAuth1 struct {
	Method string
	URL    *url.URL
	Params map[string]string // those of the header
}

// field is name="value" in an Authorization header.
var field = regexp.MustCompile(`^\s*([^=\s]+)\s*=\s*"([^"]*)"\s*$`)

// ParseOAuth1 reads an Authorization header; ErrMalformed if it is none of OAuth.
func ParseOAuth1(header string) (map[string]string, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	if !strings.EqualFold(scheme, "OAuth") {
		return nil, ErrMalformed
	}
	params := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		m := field.FindStringSubmatch(part)
		if m == nil {
			return nil, ErrMalformed
		}
		name, err1 := url.PathUnescape(m[1])
		value, err2 := url.PathUnescape(m[2])
		if _, twice := params[name]; err1 != nil || err2 != nil || twice {
			return nil, ErrMalformed
		}
		params[name] = value
	}
	return params, nil
}

// oauthHashes are the methods of signing that take a hash.
var oauthHashes = map[string]func() hash.Hash{"HMAC-SHA1": sha1.New, "HMAC-SHA256": sha256.New, "HMAC-SHA512": sha512.New}

// Sign gives the signature that the request has when the consumer's and the
// token's secrets made it; ErrMalformed if it names no method we know.
func (r OAuth1) Sign(consumerSecret, tokenSecret string) (string, error) {
	key := escape(consumerSecret) + "&" + escape(tokenSecret)
	method := r.Params["oauth_signature_method"]
	if method == "PLAINTEXT" {
		return key, nil
	}
	h, ok := oauthHashes[method]
	if !ok {
		return "", ErrMalformed
	}
	base := strings.ToUpper(r.Method) + "&" + escape(r.baseURI()) + "&" + escape(r.parameters())
	return base64.StdEncoding.EncodeToString(mac(h, []byte(key), base)), nil
}

// baseURI is the address without query and without a port that goes without saying.
func (r OAuth1) baseURI() string {
	scheme, host := strings.ToLower(r.URL.Scheme), strings.ToLower(r.URL.Host)
	if scheme == "http" {
		host = strings.TrimSuffix(host, ":80")
	} else if scheme == "https" {
		host = strings.TrimSuffix(host, ":443")
	}
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}

// parameters are those of query and header in the order of RFC 5849, 3.4.1.3.2.
func (r OAuth1) parameters() string {
	var pairs []string
	add := func(k, v string) { pairs = append(pairs, escape(k)+"="+escape(v)) }
	for k, vs := range r.URL.Query() {
		for _, v := range vs {
			add(k, v)
		}
	}
	for k, v := range r.Params {
		if k != "realm" && k != "oauth_signature" {
			add(k, v)
		}
	}
	slices.SortFunc(pairs, func(a, b string) int {
		ak, av, _ := strings.Cut(a, "=")
		bk, bv, _ := strings.Cut(b, "=")
		if d := strings.Compare(ak, bk); d != 0 {
			return d
		}
		return strings.Compare(av, bv)
	})
	return strings.Join(pairs, "&")
}
