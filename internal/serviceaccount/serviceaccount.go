// Package serviceaccount reads what idp_service_account holds: an Okta API token,
// or the client id and private keys of an API Services app. It decides what is
// well formed; whether Okta accepts it is found out in idp/okta.
//
//	serviceaccount.go  the forms, and their JSON
//	key.go             private keys: JWK, PKCS#1, PKCS#8, SEC 1
package serviceaccount

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Form is what a value may be, for messages.
const Form = `base64 of {"api_key": "..."} or of {"client_id": "...", "private_key": ...}, or an API token`

// Bounds of what is read.
const (
	maxText = 256 << 10
	maxKeys = 10
)

// Account is a service account. Either APIKey is set, or ClientID and Keys are.
type Account struct {
	// APIKey is an API token, without "SSWS".
	APIKey string

	// ClientID is that of an API Services app.
	ClientID string
	// Keys are its private keys, the newest first; one at least.
	Keys []Key
	// Scopes to ask for; nil: those that reading a directory takes.
	Scopes []string
}

// Error says what is wrong with a value and what to do. Neither text holds any of
// the value.
type Error struct{ Message, Hint string }

func (e *Error) Error() string { return e.Message }

func wrong(hint, format string, args ...any) error {
	return &Error{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// apiToken is what an Okta API token may look like: opaque, without spaces.
var apiToken = regexp.MustCompile(`^[A-Za-z0-9_.~-]{20,}$`)

// clientID is what the id of an app may look like.
var clientID = regexp.MustCompile(`^[A-Za-z0-9_-]{1,100}$`)

// JSON returns the JSON object in text, which may be it or its base64 in either
// alphabet, padded or not; nil when there is none.
func JSON(text string) []byte {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return []byte(text)
	}
	text = strings.Map(func(r rune) rune {
		switch r {
		case '\n', '\r', ' ', '\t':
			return -1
		case '-':
			return '+'
		case '_':
			return '/'
		}
		return r
	}, strings.TrimRight(text, "=\n\r "))
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || !strings.HasPrefix(strings.TrimSpace(string(raw)), "{") {
		return nil
	}
	return raw
}

// Parse reads an account. Errors are *Error.
func Parse(text string) (*Account, error) {
	if len(text) > maxText {
		return nil, wrong("", "expected at most %d bytes, got %d", maxText, len(text))
	}
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "SSWS "))
	raw := JSON(text)
	switch {
	case raw != nil:
		return parseJSON(raw)
	case strings.HasPrefix(text, "-----BEGIN"):
		return nil, wrong(`put it into {"client_id": "...", "private_key": "...", "key_id": "..."}, or let "sallyport okta keygen --client-id ID" make the value`,
			"expected %s; a private key alone does not say whose it is", Form)
	case !apiToken.MatchString(text):
		return nil, wrong(`make it with: printf '{"api_key":"%s"}' TOKEN | base64 -w0`, "expected %s", Form)
	}
	return &Account{APIKey: text}, nil
}

// document is the JSON of an account.
type document struct {
	APIKey      string            `json:"api_key"`
	ClientID    string            `json:"client_id"`
	PrivateKey  json.RawMessage   `json:"private_key"`
	PrivateKeys []json.RawMessage `json:"private_keys"`
	KeyID       string            `json:"key_id"`
	Scopes      json.RawMessage   `json:"scopes"`
}

func parseJSON(raw []byte) (*Account, error) {
	var d document
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, wrong("make it with: base64 -w0 FILE", "expected %s; what it decodes to cannot be read: %s", Form, jsonFault(err))
	}
	key := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(d.APIKey), "SSWS "))
	hasKeys := !isNull(d.PrivateKey) || len(d.PrivateKeys) > 0
	switch {
	case key != "" && (hasKeys || d.ClientID != ""):
		return nil, wrong("keep the private key and remove api_key, or the other way round", "expected either api_key or client_id and private_key, got both")
	case key != "" && strings.ContainsAny(key, " \t\r\n"):
		return nil, wrong("", "expected an API token of one word as api_key")
	case key != "":
		return &Account{APIKey: key}, nil
	case !hasKeys && d.ClientID == "":
		return nil, wrong("an API token is made in Okta under Security > API > Tokens, a key pair by \"sallyport okta keygen\"",
			"expected api_key, or client_id and private_key, in the JSON")
	case !hasKeys:
		return nil, wrong("\"sallyport okta keygen --client-id "+safeID(d.ClientID)+"\" makes the whole value", "expected private_key beside client_id")
	case !clientID.MatchString(d.ClientID):
		return nil, wrong("it is shown by the API Services app under General > Client Credentials, and begins with 0oa", "expected client_id beside private_key")
	}
	return d.app()
}

func safeID(id string) string {
	if clientID.MatchString(id) {
		return id
	}
	return "ID"
}

func (d document) app() (*Account, error) {
	a := &Account{ClientID: d.ClientID}
	all := d.PrivateKeys
	if !isNull(d.PrivateKey) {
		all = append([]json.RawMessage{d.PrivateKey}, all...)
	}
	if len(all) > maxKeys {
		return nil, wrong("keep the newest and the one before", "expected at most %d private keys, got %d", maxKeys, len(all))
	}
	for i, raw := range all {
		id := ""
		if len(all) == 1 || i == 0 && !isNull(d.PrivateKey) {
			id = d.KeyID
		}
		key, err := parseKey(raw, id)
		if err != nil {
			return nil, numbered(err, i, len(all))
		}
		a.Keys = append(a.Keys, key)
	}
	var err error
	a.Scopes, err = parseScopes(d.Scopes)
	return a, err
}

func numbered(err error, i, n int) error {
	var e *Error
	if n > 1 && errors.As(err, &e) {
		return &Error{Message: fmt.Sprintf("private key %d of %d: %s", i+1, n, e.Message), Hint: e.Hint}
	}
	return err
}

// scope is a scope-token of RFC 6749 §3.3.
var scope = regexp.MustCompile(`^[\x21\x23-\x5B\x5D-\x7E]{1,100}$`)

// parseScopes takes a list, or one text with spaces as OAuth writes them.
func parseScopes(raw json.RawMessage) ([]string, error) {
	if isNull(raw) {
		return nil, nil
	}
	var list []string
	var text string
	if json.Unmarshal(raw, &text) == nil {
		list = strings.Fields(text)
	} else if err := json.Unmarshal(raw, &list); err != nil {
		return nil, wrong("", "expected a list of texts as scopes")
	}
	for _, s := range list {
		if !scope.MatchString(s) {
			return nil, wrong("such as okta.users.read", "expected scopes without spaces or quotes")
		}
	}
	return list, nil
}

func isNull(raw json.RawMessage) bool {
	s := strings.TrimSpace(string(raw))
	return s == "" || s == "null" || s == `""`
}

// jsonFault says what encoding/json found without repeating the text, which may
// be secret.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Sprintf("%s has the wrong type", kind.Field)
	}
	return "not JSON"
}
