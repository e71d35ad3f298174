package sso

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"nacre/internal/oslo/clock"
)

// OIDC is a relying party of one OpenID provider.
type OIDC struct {
	cfg      OIDCConfig
	callback string
	client   *http.Client
	clock    clock.Clock

	mu       sync.Mutex
	provider *oidc.Provider // once its discovery document was read
}

// discovered reads the provider's discovery document, once it can be had.
func (o *OIDC) discovered(ctx context.Context) (*oidc.Provider, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.provider != nil {
		return o.provider, nil
	}
	p, err := oidc.NewProvider(oidc.ClientContext(ctx, o.client), o.cfg.Issuer)
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", o.cfg.Issuer, err)
	}
	var told struct {
		JWKS string `json:"jwks_uri"`
	}
	if err := p.Claims(&told); err != nil {
		return nil, err
	}
	for _, address := range []string{p.Endpoint().AuthURL, p.Endpoint().TokenURL, p.UserInfoEndpoint(), told.JWKS} {
		if address != "" && strings.HasPrefix(o.cfg.Issuer, "https:") && !strings.HasPrefix(address, "https:") {
			return nil, fmt.Errorf("discover %s: %s is not https", o.cfg.Issuer, address)
		}
	}
	o.provider = p
	return p, nil
}

func (o *OIDC) oauth(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: o.cfg.ClientID, ClientSecret: o.cfg.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: o.callback,
		Scopes: append([]string{oidc.ScopeOpenID}, o.cfg.Scopes...)}
}

func (o *OIDC) login(ctx context.Context, l *Login) (string, error) {
	p, err := o.discovered(ctx)
	if err != nil {
		return "", err
	}
	l.Verifier = oauth2.GenerateVerifier()
	return o.oauth(p).AuthCodeURL(l.State, oidc.Nonce(l.Nonce), oauth2.S256ChallengeOption(l.Verifier)), nil
}

// Finish turns the code that came back from a login into an assertion.
func (o *OIDC) Finish(ctx context.Context, l Login, code string) (Assertion, error) {
	p, err := o.discovered(ctx)
	if err != nil {
		return Assertion{}, err
	}
	ctx = oidc.ClientContext(ctx, o.client)
	tok, err := o.oauth(p).Exchange(ctx, code, oauth2.VerifierOption(l.Verifier))
	if err != nil {
		return Assertion{}, fmt.Errorf("exchange the code: %w", err)
	}
	raw, ok := tok.Extra("id_token").(string)
	if !ok {
		return Assertion{}, errors.New("the provider gave no ID token")
	}
	id, err := p.Verifier(&oidc.Config{ClientID: o.cfg.ClientID, Now: o.clock.Now}).Verify(ctx, raw)
	if err != nil {
		return Assertion{}, err
	}
	if id.Nonce != l.Nonce {
		return Assertion{}, errors.New("the ID token is of another login")
	}
	claims := map[string]any{}
	if p.UserInfoEndpoint() != "" {
		info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(tok))
		if err != nil {
			return Assertion{}, err
		}
		if info.Subject != id.Subject {
			return Assertion{}, errors.New("the user information is about somebody else")
		}
		if err := info.Claims(&claims); err != nil {
			return Assertion{}, err
		}
	}
	return o.assertion(claims, id.Claims) // what is signed counts before what is not
}

// Bearer turns an access token that a client got for us into an assertion.
func (o *OIDC) Bearer(ctx context.Context, token string) (Assertion, error) {
	if o.cfg.Introspection != "" {
		return o.introspect(ctx, token)
	}
	p, err := o.discovered(ctx)
	if err != nil {
		return Assertion{}, err
	}
	ctx = oidc.ClientContext(ctx, o.client)
	t, err := p.Verifier(&oidc.Config{SkipClientIDCheck: true, Now: o.clock.Now}).Verify(ctx, token)
	if err != nil {
		return Assertion{}, err
	}
	if t.Nonce != "" {
		return Assertion{}, errors.New("an ID token is no access token")
	}
	if err := o.forUs(t.Audience); err != nil {
		return Assertion{}, err
	}
	return o.assertion(map[string]any{}, t.Claims)
}

// forUs refuses a token none of whose audiences is ours.
func (o *OIDC) forUs(audience []string) error {
	ours := o.cfg.Audiences
	if len(ours) == 0 {
		ours = []string{o.cfg.ClientID}
	}
	if !slices.ContainsFunc(audience, func(a string) bool { return slices.Contains(ours, a) }) {
		return fmt.Errorf("the token is for %q, the audiences are %q", audience, ours)
	}
	return nil
}

// introspect asks the provider about a token, RFC 7662.
func (o *OIDC) introspect(ctx context.Context, token string) (Assertion, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.cfg.Introspection, strings.NewReader(form.Encode()))
	if err != nil {
		return Assertion{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.SetBasicAuth(url.QueryEscape(o.cfg.ClientID), url.QueryEscape(o.cfg.ClientSecret))
	res, err := o.client.Do(req)
	if err != nil {
		return Assertion{}, fmt.Errorf("introspect: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return Assertion{}, fmt.Errorf("introspect: status %d", res.StatusCode)
	}
	claims := map[string]any{}
	if err := json.NewDecoder(res.Body).Decode(&claims); err != nil {
		return Assertion{}, fmt.Errorf("introspect: %w", err)
	}
	return o.introspected(claims)
}

func (o *OIDC) introspected(claims map[string]any) (Assertion, error) {
	now := float64(o.clock.Now().Unix())
	expiry, hasExpiry := claims["exp"].(float64)
	begins, _ := claims["nbf"].(float64)
	issuer, hasIssuer := claims["iss"].(string)
	audience := append(texts(claims["aud"]), texts(claims["client_id"])...)
	switch {
	case claims["active"] != true:
		return Assertion{}, errors.New("the token is not active")
	case hasExpiry && now >= expiry, now+Skew.Seconds() < begins:
		return Assertion{}, errors.New("the token is not of now")
	case hasIssuer && issuer != o.cfg.Issuer:
		return Assertion{}, fmt.Errorf("the token is of %q", issuer)
	}
	if err := o.forUs(audience); err != nil {
		return Assertion{}, err
	}
	claims["iss"] = o.cfg.Issuer
	return o.assertion(claims, func(any) error { return nil })
}

// assertion gives claims their names: as Apache's module has them in its
// environment, with OIDC- before, and as a header of that name has them.
func (o *OIDC) assertion(claims map[string]any, more func(any) error) (Assertion, error) {
	if err := more(&claims); err != nil {
		return Assertion{}, err
	}
	a := Assertion{Issuer: o.cfg.Issuer, Attributes: map[string][]string{}}
	for name, v := range claims {
		if values := texts(v); len(values) > 0 {
			a.Attributes["OIDC-"+name] = values
			a.Attributes["HTTP_OIDC_"+environment(name)] = values
		}
	}
	subject := texts(claims["sub"])
	if len(subject) != 1 || subject[0] == "" {
		return Assertion{}, errors.New("the provider does not say who it is: there is no sub")
	}
	_, host, _ := strings.Cut(o.cfg.Issuer, "://")
	a.Attributes["REMOTE_USER"] = []string{subject[0] + "@" + host}
	return a, nil
}

// environment is a name as it looks in the environment of a server.
func environment(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// texts are the values of a claim; an object is its JSON.
func texts(v any) []string {
	switch t := v.(type) {
	case nil:
		return nil
	case string:
		return []string{t}
	case bool:
		return []string{strconv.FormatBool(t)}
	case float64:
		return []string{strconv.FormatFloat(t, 'f', -1, 64)}
	case []any:
		var out []string
		for _, inner := range t {
			out = append(out, texts(inner)...)
		}
		return out
	}
	text, _ := json.Marshal(v)
	return []string{string(text)}
}
