package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"go.yaml.in/yaml/v4"
)

var issuerFormatKind = enum("hostOnly", "uri")

var identityKeys = []key[globals]{
	works("pass_identity_headers", boolKind, func(g *globals) *bool { return &g.Identity.PassHeaders },
		"Sends upstreams who is there: X-Pomerium-Jwt-Assertion and the headers of `jwt_claims_headers`. Routes may differ.").def("false"),
	works("jwt_issuer_format", issuerFormatKind, func(g *globals) *string { return &g.Identity.IssuerFormat },
		"What the assertion's iss is: the route's host, or its URL with a slash at the end.").def("hostOnly"),
	custom("jwt_claims_headers", "mapping of header to claim, or list of claims", readClaimsHeaders,
		"Claims to send in headers of their own, and to put into the assertion. A claim of a list is sent as X-Pomerium-Claim-NAME."),
	works("jwt_groups_filter", groupsFilterKind, func(g *globals) *[]string { return &g.Identity.GroupsFilter },
		"The only groups that upstreams are told of, by id or by name as they are called, so that headers stay small. Routes may add to it.").unset("all groups of the person"),
	custom("signing_key", pemKind.name, readSigningKeys,
		"Private keys that sign assertions: ECDSA, RSA of 2048 bits or more, or Ed25519. The first signs; all are published.").
		unset("derived from `shared_secret`").secret().file(),
}

var groupsFilterKind = kind[[]string]{textsKind.name, func(v value) ([]string, bool) {
	groups, ok := v.texts()
	if ok && len(groups) == 0 {
		v.expected("a group at least", "leave the key out where upstreams may be told of all groups")
		return nil, false
	}
	return groups, ok
}}

func readClaimsHeaders(g *globals, v value) {
	v, ok := v.unpacked("{")
	if !ok {
		return
	}
	var list []claimEntry
	if v.n.Kind == yaml.MappingNode {
		ps, _ := v.pairs()
		for _, p := range ps {
			if claim, ok := p.value.word(); ok {
				list = append(list, claimEntry{p.key, ClaimHeader{p.key.n.Value, claim}})
			}
		}
	} else {
		items, _ := v.list()
		for _, item := range items {
			if claim, ok := item.word(); ok {
				list = append(list, claimEntry{item, ClaimHeader{claimHeader(claim), claim}})
			}
		}
	}
	g.addClaimHeaders(list)
}

// ownHeaders carry what no claim may stand in for.
var ownHeaders = []string{"X-Pomerium-Jwt-Assertion", "X-Pomerium-Jwt-Assertion-For", "X-Pomerium-Authorization", "Cookie"}

type claimEntry struct {
	at value
	ClaimHeader
}

// claimHeader is the header of a claim that is named without one.
func claimHeader(claim string) string {
	return textproto.CanonicalMIMEHeaderKey("X-Pomerium-Claim-" + strings.ReplaceAll(claim, "_", "-"))
}

func (g *globals) addClaimHeaders(list []claimEntry) {
	seen := map[string]bool{}
	for _, e := range list {
		name := textproto.CanonicalMIMEHeaderKey(e.Header)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			e.at.fail("name the header: {X-Name: "+e.Claim+"}", "%q cannot be the name of a header", e.Header)
		case refusedHeaders[name] != "":
			e.at.fail("choose another name, such as X-Claim-"+e.Claim, "header %q cannot carry a claim: %s", name, refusedHeaders[name])
		case slices.Contains(ownHeaders, name):
			e.at.fail("choose another name, such as X-Claim-"+e.Claim, "header %q is the proxy's own", name)
		case strings.Contains(name, "_"):
			e.at.fail("write it with -", "header %q: upstreams cannot tell \"_\" from \"-\" in a header's name", e.Header)
		case seen[name]:
			e.at.fail("keep one", "header %q is given twice", name)
		default:
			g.Identity.ClaimsHeaders = append(g.Identity.ClaimsHeaders, ClaimHeader{name, e.Claim})
		}
		seen[name] = true
	}
}

// signingKeyHint makes a key that is good.
const signingKeyHint = "make one with: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 | base64 -w0"

func readSigningKeys(g *globals, v value) {
	text, ok := v.certificatePEM()
	if !ok {
		return
	}
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "EC PARAMETERS" { // openssl ecparam writes it before the key
			continue
		}
		if err := checkSigningKey(block); err != nil {
			v.fail(signingKeyHint, "key %d: %v", len(g.Identity.SigningKeys)+1, err)
			return
		}
		g.Identity.SigningKeys = append(g.Identity.SigningKeys, pem.EncodeToMemory(block))
	}
	if len(g.Identity.SigningKeys) == 0 {
		v.fail(signingKeyHint, "expected a private key in PEM, found none")
	}
}

// checkSigningKey reports what keeps a PEM block from being a key that signs.
func checkSigningKey(block *pem.Block) error {
	var key crypto.PrivateKey
	var err error
	switch block.Type {
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return fmt.Errorf("expected a private key, got a block of type %q", block.Type)
	}
	if err != nil {
		return errors.New("the private key cannot be read")
	}
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		if k.Curve == elliptic.P224() {
			return errors.New("expected curve P-256, P-384 or P-521, got P-224")
		}
	case *rsa.PrivateKey:
		if bits := k.N.BitLen(); bits < 2048 {
			return fmt.Errorf("expected RSA of 2048 bits or more, got %d", bits)
		}
	case ed25519.PrivateKey:
	default:
		return fmt.Errorf("expected ECDSA, RSA or Ed25519, got %T", key)
	}
	return nil
}
