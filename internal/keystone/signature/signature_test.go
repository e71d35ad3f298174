package signature

import (
	"maps"
	"net/url"
	"testing"
)

// What python-keystoneclient signs, from its contrib.ec2.utils.
func TestEC2(t *testing.T) {
	const secret = "e7a7a2240136494986991a6598d9fb9f"
	params := func(version string) map[string]string {
		return map[string]string{"Action": "Test", "SignatureVersion": version, "Timestamp": "2010-01-01T00:00:00Z", "SignatureMethod": "HmacSHA256",
			"AWSAccessKeyId": "66afebf2f3c14e33a2b9a6d7c6a8d1d5", "Odd": "a/b c~*", "lower": "x"}
	}
	const bodyHash = "b6359072c78d70ebee1e81adcbab4f01bf2c23245fa365ef83fe8f1f955085e2"
	const authorization = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20110909/us-east-1/iam/aws4_request,SignedHeaders=content-type;host;x-amz-date,Signature=x"
	query := map[string]string{"Action": "Test", "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": "AKIDEXAMPLE/20110909/us-east-1/iam/aws4_request",
		"X-Amz-SignedHeaders": "host;missing", "X-Amz-Date": "20110909T233600Z"}
	for name, tc := range map[string]struct {
		request EC2
		want    string
	}{
		"version 0": {EC2{Verb: "GET", Host: "127.0.0.1", Path: "/v1/", Params: params("0")}, "EH2jsh5ntf6DuZtE8C1+OD0DEwM="},
		"version 1": {EC2{Verb: "GET", Host: "127.0.0.1", Path: "/v1/", Params: params("1")}, "LKjl4XDcnlaQ+MygnemepmujXIU="},
		"version 2": {EC2{Verb: "GET", Host: "127.0.0.1", Path: "/v1/", Params: params("2")}, "A3lGW6X0xs8V7vMFkbbUCFyszwvdW/KLstIsUsCkguY="},
		"version 4 in headers": {EC2{Verb: "POST", Host: "foo", Path: "/", Params: map[string]string{"Action": "Test"}, BodyHash: bodyHash,
			Headers: map[string]string{"Content-type": "application/x-www-form-urlencoded; charset=utf-8", "X-Amz-Date": "20110909T233600Z", "Host": "foo:8080",
				"Authorization": authorization}}, "da902d35c362c4ab014faf27fa0f0d4defb6c7a7be81df05494ec8dd84f497da"},
		"version 4 in the query": {EC2{Verb: "GET", Host: "foo", Path: "/", Params: query, BodyHash: bodyHash,
			Headers: map[string]string{"Host": "foo:8080", "User-Agent": "Boto/2.9.2 (linux2)"}}, "67da9ac34730a94a4e35d4a8dc421c2a6dc1d370a56ac178b1b229ba566b1ef4"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := tc.request.Sign(secret); err != nil || got != tc.want {
				t.Errorf("%s, %v, want %s", got, err, tc.want)
			}
		})
	}
	wrong := maps.Clone(query)
	wrong["X-Amz-Date"] = "20110910T000000Z"
	for name, r := range map[string]EC2{"no version": {}, "unknown version": {Params: map[string]string{"SignatureVersion": "3"}},
		"no timestamp": {Params: map[string]string{"SignatureVersion": "0", "Action": "a"}}, "another day": {Params: wrong},
		"no credential": {Params: map[string]string{"X-Amz-Algorithm": "AWS4-HMAC-SHA256"}}} {
		if got, err := r.Sign(secret); err == nil {
			t.Errorf("%s: signed %s", name, got)
		}
	}
}

// The examples are of Amazon's documentation: S3 REST authentication, and
// signature version 4 of a GET object.
func TestS3(t *testing.T) {
	got, err := S3("GET\n\n\nTue, 27 Mar 2007 19:36:42 +0000\n/awsexamplebucket1/photos/puppy.jpg", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	if err != nil || got != "qgk2+6Sv9/oM7G3qLEjTH1a1l1g=" {
		t.Errorf("version 1: %s %v", got, err)
	}
	got, err = S3("AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n7344ae5b7ee6c3e7e6b0fe0640412a37625d1fbfff95c48bbb2dc43964946972", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
	if err != nil || got != "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41" {
		t.Errorf("version 4: %s %v", got, err)
	}
	for _, text := range []string{"AWS4", "AWS4-HMAC-SHA256\na\nb\nc", "AWS4-HMAC-SHA256\nd\n20130524/us-east-1/ec2/aws4_request\nh", "AWS4-HMAC-SHA256\nd\n20130524/us-east-1/s3/other\nh"} {
		if got, err := S3(text, "s"); err == nil {
			t.Errorf("%q: signed %s", text, got)
		}
	}
}

// What oauthlib signs.
func TestOAuth1(t *testing.T) {
	const a, b, c, d = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "cccccccccccccccccccccccccccccccc", "dddddddddddddddddddddddddddddddd"
	token := `OAuth realm="x y", oauth_nonce="b2", oauth_timestamp="1400000001", oauth_version="1.0", oauth_consumer_key="` + a + `", oauth_token="` + c + `", oauth_signature_method=`
	for name, tc := range map[string]struct{ header, url, secret, want string }{
		"no token": {`OAuth oauth_nonce="1234567890abcdef1234", oauth_timestamp="1400000000", oauth_version="1.0", oauth_signature_method="HMAC-SHA1", oauth_consumer_key="` + a + `", oauth_callback="oob", oauth_signature="x%2F"`,
			"http://127.0.0.1:5000/v3/OS-OAUTH1/request_token", "", "yrQznafc0M/GRicQ1LWUTpfXdeY="},
		"SHA1":      {token + `"HMAC-SHA1"`, "HTTP://Cloud:80/v3/auth/tokens?x=1&y=a%20b&x=0", d, "Au0LRSTAQXb5y3JZ9vgL8DHKQys="},
		"SHA256":    {token + `"HMAC-SHA256"`, "HTTP://Cloud:80/v3/auth/tokens?x=1&y=a%20b&x=0", d, "1Nvx3D4YaPT6xOGdJLTJOlNJ8weIzShH2d6/q5I1fdM="},
		"SHA512":    {token + `"HMAC-SHA512"`, "HTTP://Cloud:80/v3/auth/tokens?x=1&y=a%20b&x=0", d, "5WSAnAIaffmOJabEo84NKLR7k/3GSS8X/CftqOG0EmcETlPyTeuqJh5NX77M2B37s233NZOOEnSfb6cVxQdyag=="},
		"PLAINTEXT": {token + `"PLAINTEXT"`, "http://cloud/", d, b + "&" + d},
	} {
		t.Run(name, func(t *testing.T) {
			params, err := ParseOAuth1(tc.header)
			if err != nil {
				t.Fatal(err)
			}
			u, err := url.Parse(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := (OAuth1{"POST", u, params}).Sign(b, tc.secret); err != nil || got != tc.want {
				t.Errorf("%s, %v, want %s", got, err, tc.want)
			}
		})
	}
	for _, header := range []string{"", "Basic eDp5", `OAuth a="1", a="2"`, `OAuth a=1`, `OAuth a="%zz"`} {
		if got, err := ParseOAuth1(header); err == nil {
			t.Errorf("%q is %v", header, got)
		}
	}
}
