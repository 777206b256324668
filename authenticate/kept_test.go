package authenticate

import (
	"net/netip"
	"net/url"
	"testing"
	"time"
)

// Made under the secret of a world and at its time.
const (
	keptAttempt     = "MTc5NTMyOTY1MnxGMkRjRHkxbS1PNVdhS3FqWHpHc0t1NzI2amtiTS0tUUl4RDVDVkVCZ2JGaTR5OVNrVDkzeEVyNm83Tk5ETG4tT3k1RmNFaXVxVnJVcV9EdG5nNmJuM2lWbV9ubmxKQXl2Mkszc25NSEFId0dOUjJrblhqbldRPT18oYyenV3oX7Xcz8p6U9ZLbieMc0r2AHosU3eP-qmt8Y0="
	keptLanded      = "MTc5NTMyOTY1MnwyZzJFQVdFY05iYTRmX3hUVEZVc2s1aFBCcEtUUnBGT1BWazR6c0FyeTBub1dCQ2YxZWhXekNMT0ctX2R85dMIzem2eC8EdZ5R2oJj3agjnWO_M942K_biXzKOMfQ="
	keptCSRF        = "MTc5NTMyOTY1MnxsLWZ4VHhJd1k2aG5aSDRfeWdHMkEyVG1FMktkVEh0TGJic2RkbjFDM3JMbnyEKgxnjwCOnipGxT6OlRNmHdwZL3IiFfZN6E3NDuDfNA=="
	keptForm        = "MTc5NTMyOTY1Mnwyc3p2Q2hROFlQVjJvRjE5dERZalZoMVJlMHVqYUFNUHFtazdDdkxwV3dPVUVic3dyVFpmQTlaZGdYQ25LOWhTS3ZQNXBnQk1hM289fPdwb7ol21LJ4FcZWmitisvO838yvWgfekvyps10zX4R"
	keptPassage     = "MTc5NTMyOTY1MnxQV2ZRdzZ2bVBTUENJcHdiZnl4OUpTZTRFNEJJREpzbTczMVJjczgtRWkySnR0OG1ZMkdrWnRySzBNOGw4Q1BoWGRmWHhOSmVHWTA5QkpfNkVjRWN2Z3pSdndhcFVXOVluTS1yTG5ZbnNkM002NDdVMkVXOTlPMEdfMVd0UXYtTi1HT3ZJWWJ3NFFzRjZPMVRmZz09fPoNLtsdbUM7HK1u2jb7-zMaarQs6wVzIdSKIU5qJF4S"
	keptState       = "MTc5NTMyOTY1Mnx2b3N0YkNRRnAwNnQ1X3dVR3pJa09jSkFiTDQ5TTVaVHZlNm5SZ1ZLcGdKc3dOX3hxMzFlMzRkRkxiakt1QXZ4MHl3WHRUdEFRVU9aS1dSdjA5RTYyNVliTktETHBBU1R1ek5mQzdLSEliSVk2bDZxU2J4YmZQYTlqWDNifLKyYJ8CpALYaT1yplCy4E8ddl-mHPinvCoiCm3UJ6dS"
	keptFormBinding = "84xNyxcEXvDBssL4EBVudh1bjh0SeLl0s2s8a9GIabo"
	keptAddress4    = "37dad677cf0b3997/"
	keptAddress6    = "426d6c2e96a38024/"
	keptURL         = "https://login.localhost/.pomerium/sign_in?pomerium_expiry=1772614860&pomerium_idp_id=x&pomerium_issued=1772614800&pomerium_signature=gp2zBZQKwsdXo0_5qb95GeeuAAeeli2DLYH8jthpNNg"
)

// What a browser, a link or the store holds while one version takes over from
// the other, or beside it, is read by the next.
func TestWhatTheVersionBeforeMadeIsRead(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	read := func(purpose, value string, v any) {
		t.Helper()
		if err := s.o.Codec.Open(purpose, wiki, value, v); err != nil {
			t.Errorf("%s: %v", purpose, err)
		}
	}
	var (
		a   attempt
		l   landing
		c   csrfCookie
		f   formToken
		p   passage
		st  stateClaims
		say = func(what, got, want string) {
			t.Helper()
			if got != want {
				t.Errorf("%s is %q, want %q as before", what, got, want)
			}
		}
	)
	read(purposeAttempt, keptAttempt, &a)
	read(purposeLanded, keptLanded, &l)
	read(purposeCSRF, keptCSRF, &c)
	read(purposeForm, keptForm, &f)
	read(purposeJourney, keptPassage, &p)
	read(purposeState, keptState, &st)
	if a != (attempt{ID: "i", Secret: "s", Client: "c", Target: "/t", Stored: "r", Next: "n", Prompt: "p", Tries: 1}) {
		t.Errorf("attempt %+v", a)
	}
	j := journey{Host: "h", Attempt: "a", Tries: 1, Client: "c", Binding: "b", Prompt: "p"}
	if p != (passage{ID: "i", State: "s", Nonce: "n", Verifier: "v", Journey: j}) || st != (stateClaims{ID: "i", State: "s", Journey: j}) {
		t.Errorf("passage %+v, state %+v", p, st)
	}
	if l != (landing{Client: "c", Count: 2, Since: 3}) || c.Secret != "s" || f.Act != "/a" || f.Binding != "b" || f.Values["k"] != "v" {
		t.Errorf("landing %+v, browser %+v, form %+v", l, c, f)
	}
	say("a code in the store", codeKey("code"), "5694d08a2e53ffcae0c3103e5ad6f6076abd960eb1f8a56577040bc1028f702b")
	say("the binding of an attempt", binding("secret"), "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols")
	say("the binding of a form", csrfBinding("secret"), keptFormBinding)
	say("an IPv4 address", addressKey(netip.MustParseAddr("192.0.2.7")), keptAddress4)
	say("the same behind IPv6", addressKey(netip.MustParseAddr("::ffff:192.0.2.7")), keptAddress4)
	say("an IPv6 address", addressKey(netip.MustParseAddr("2001:db8:0:1::7")), keptAddress6)
	say("its network", addressKey(netip.MustParseAddr("2001:db8:0:1:ffff::")), keptAddress6)
	say("a signed URL", s.urls.sign(homeAt, pathSignIn, url.Values{paramClient: {"x"}}, time.Minute), keptURL)
	say("the kinds in the store", string(kindHandOff+" "+kindReturn), "handoff returnurl")
	say("what asks for a second factor", oktaSecondFactor, "urn:okta:loa:2fa:any")
	if addressKey(netip.MustParseAddr("192.0.2.8")) == keptAddress4 || addressKey(netip.MustParseAddr("2001:db8:0:2::7")) == keptAddress6 {
		t.Error("two addresses, or two networks, count as one")
	}
}
