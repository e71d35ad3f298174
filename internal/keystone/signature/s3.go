package signature

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
)

// S3 gives the signature of what an S3 request was told to sign: version 4 if
// text says so, else version 1.
func S3(text, secret string) (string, error) {
	if !strings.HasPrefix(text, "AWS4") {
		return base64.StdEncoding.EncodeToString(mac(sha1.New, []byte(secret), text)), nil
	}
	lines := strings.Split(text, "\n")
	if len(lines) != 4 || lines[0] != algorithm4 {
		return "", ErrMalformed
	}
	scope := strings.Split(lines[2], "/")
	if len(scope) != 4 || scope[3] != "aws4_request" || !slices.Contains([]string{"s3", "iam", "sts"}, scope[2]) {
		return "", ErrMalformed
	}
	return hex.EncodeToString(mac(sha256.New, key4(secret, scope[0], scope[1], scope[2]), text)), nil
}
