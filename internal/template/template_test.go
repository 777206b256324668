package template

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][]Part{
		"":                                      nil,
		"plain text":                            {{Literal, "plain text"}},
		"${pomerium.jwt}":                       {{JWT, ""}},
		"$pomerium.jwt":                         {{JWT, ""}},
		"Bearer ${pomerium.access_token}!":      {{Literal, "Bearer "}, {AccessToken, ""}, {Literal, "!"}},
		"Bearer $pomerium.id_token, yes":        {{Literal, "Bearer "}, {IDToken, ""}, {Literal, ", yes"}},
		"$pomerium.jwt.":                        {{JWT, ""}, {Literal, "."}},
		"${ pomerium.jwt }":                     {{JWT, ""}},
		"${pomerium.jwt}${pomerium.jwt}":        {{JWT, ""}, {JWT, ""}},
		"${pomerium.client_cert_fingerprint}":   {{ClientCertFingerprint, ""}},
		"${pomerium.client_cert_san_dns}":       {{ClientCertSANDNS, ""}},
		"${pomerium.client_cert_san_email}":     {{ClientCertSANEmail, ""}},
		`${pomerium.request.headers["X-Name"]}`: {{RequestHeader, "X-Name"}},
		`${pomerium.request.headers['x']}`:      {{RequestHeader, "x"}},
		"5$$":                                   {{Literal, "5$"}},
		"$$$$":                                  {{Literal, "$$"}},
		"$${pomerium.jwt}":                      {{Literal, "${pomerium.jwt}"}},
		"pa$5word and a $":                      {{Literal, "pa$5word and a $"}},
		"100 $ and {braces}":                    {{Literal, "100 $ and {braces}"}},
	} {
		got, err := Parse(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got.Parts); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for text, want := range map[string]string{
		"${pomerium.acess_token}":             `unknown reference "pomerium.acess_token"`,
		"secret ${HOME} text":                 "a dollar sign begins no known reference",
		"$HOME":                               "a dollar sign begins no known reference",
		"${}":                                 "a dollar sign begins no known reference",
		"secret ${pomerium.jwt":               `"${" is not closed by "}"`,
		"${pomerium.request.headers[X]}":      "expected the name of a header in quotes",
		`${pomerium.request.headers["a b"]}`:  "expected the name of a header in quotes",
		`${pomerium.request.headers["a\nb"]}`: "expected the name of a header in quotes",
		`${pomerium.request.headers[""]}`:     "expected the name of a header in quotes",
		`${pomerium.request.headers["a']}`:    "expected the name of a header in quotes",
		"${pomerium.${pomerium.jwt}}":         `unknown reference "pomerium.${pomerium.jwt"`,
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: expected %q, got %v", text, want, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: the error tells the text around: %v", text, err)
		}
	}
}

func TestLiteral(t *testing.T) {
	for text, want := range map[string]bool{"": true, "a$$": true, "a${pomerium.jwt}": false} {
		parsed, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := parsed.Literal(); ok != want {
			t.Errorf("%q: literal %v, want %v", text, ok, want)
		}
		if parsed.Uses(JWT) == want {
			t.Errorf("%q: uses the assertion %v", text, !want)
		}
	}
}

// What was written with $$ for every dollar sign always means itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "$", "${", "${pomerium.jwt}", "$$a", `${pomerium.request.headers["X"]}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if parsed, err := Parse(s); err == nil {
			for _, p := range parsed.Parts {
				if p.Kind == Literal && p.Text == "" {
					t.Errorf("%q: an empty literal", s)
				}
			}
		}
		parsed, err := Parse(strings.ReplaceAll(s, "$", "$$"))
		if err != nil {
			t.Fatalf("%q escaped: %v", s, err)
		}
		if text, ok := parsed.Literal(); !ok || text != s {
			t.Errorf("%q escaped means %q", s, text)
		}
	})
}
