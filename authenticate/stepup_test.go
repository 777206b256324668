package authenticate

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"sallyport/identity"
	"sallyport/internal/weberr"
	"sallyport/policy"
)

func TestWhatIsWantedTravelsWhole(t *testing.T) {
	for _, want := range []policy.SignIn{
		{Aged: true},
		{Aged: true, MaxAge: 15 * time.Minute},
		{Context: "urn:okta:loa:2fa:any"},
		{Method: "hwk"},
		{Aged: true, MaxAge: time.Hour, Context: "a&b=c", Method: "mfa"},
	} {
		got, ok := parseStepUp(stepUpPrompt(want))
		if !ok || got != want || !goodPrompt(stepUpPrompt(want)) {
			t.Errorf("%+v became %+v, %v", want, got, ok)
		}
	}
	for _, bad := range []string{"", "none", "max_age=x", "max_age=-1", "prompt=login", "acr=", "acr=a&acr=b", "max_age=99999999999", "acr=" + strings.Repeat("a", maxPrompt)} {
		if goodPrompt(bad) {
			t.Errorf("%q is taken for one of ours", bad)
		}
	}
}

func TestProviderIsAskedForTheKindOfSignIn(t *testing.T) {
	for _, tt := range []struct {
		want policy.SignIn
		name string
		asks string
	}{
		{policy.SignIn{Aged: true, MaxAge: 15 * time.Minute}, "max_age", "900"},
		{policy.SignIn{Context: "urn:x"}, "acr_values", "urn:x"},
		{policy.SignIn{Method: "mfa"}, "acr_values", oktaSecondFactor},
		{policy.SignIn{Method: "hwk"}, "prompt", "login"},
	} {
		if got := providerParams(stepUpPrompt(tt.want)); len(got) != 1 || got[tt.name] != tt.asks {
			t.Errorf("%+v asks for %v", tt.want, got)
		}
	}
	if got := providerParams(promptLogin); got["prompt"] != "login" {
		t.Errorf("another account asks for %v", got)
	}
}

func TestWhatComesBackIsCheckedInTheToken(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	now := w.clock.now()
	said := identity.Claims{"auth_time": 1.0}
	for name, tt := range map[string]struct {
		want    policy.SignIn
		subject identity.Subject
		ok      bool
	}{
		"fresh":                     {policy.SignIn{Aged: true, MaxAge: time.Minute}, identity.Subject{AuthenticatedAt: now, Claims: said}, true},
		"old":                       {policy.SignIn{Aged: true, MaxAge: time.Minute}, identity.Subject{AuthenticatedAt: now.Add(-time.Hour), Claims: said}, false},
		"the token does not say":    {policy.SignIn{Aged: true, MaxAge: time.Minute}, identity.Subject{AuthenticatedAt: now}, false},
		"strong":                    {policy.SignIn{Context: "urn:x"}, identity.Subject{Context: "urn:x"}, true},
		"not strong":                {policy.SignIn{Context: "urn:x"}, identity.Subject{Context: "urn:y"}, false},
		"with the method":           {policy.SignIn{Method: "mfa"}, identity.Subject{Methods: []string{"pwd", "mfa"}}, true},
		"without the method":        {policy.SignIn{Method: "mfa"}, identity.Subject{Methods: []string{"pwd"}}, false},
		"one of two is not enough":  {policy.SignIn{Method: "mfa", Context: "urn:x"}, identity.Subject{Methods: []string{"mfa"}}, false},
		"nothing wanted, all right": {policy.SignIn{}, identity.Subject{}, true},
	} {
		err := s.checkStepUp(stepUpPrompt(tt.want), tt.subject)
		if (err == nil) != tt.ok {
			t.Errorf("%s: got %v", name, err)
		}
		if err != nil && weberr.As(err).Code != "step-up-unmet" {
			t.Errorf("%s: code %s", name, weberr.As(err).Code)
		}
	}
}

// An old sign-in is asked for again, comes back fresh and passes; the session of
// before is gone.
func TestOldSignInIsRenewedAtOkta(t *testing.T) {
	w, okta := withOkta(t, nil)
	b := w.browser()
	if p := b.signInAtOkta(okta, "https://"+wiki+"/"); p.status != 200 {
		t.Fatalf("the first sign-in ended with %d at %s", p.status, p.url)
	}
	old := b.session(wiki)
	if p := b.open("https://" + wiki + "/strong"); !strings.Contains(p.body, "path=/strong") {
		t.Fatalf("a fresh sign-in ended with %d at %s", p.status, p.url)
	}
	w.clock.add(20 * time.Minute)
	if p := b.open("https://" + wiki + "/"); p.status != 200 {
		t.Fatalf("elsewhere the old sign-in ended with %d at %s", p.status, p.url)
	}
	p := b.signInAtOkta(okta, "https://"+wiki+"/strong?x=1")
	if p.status != 200 || !strings.Contains(p.body, "path=/strong?x=1") || b.session(wiki) == old {
		t.Errorf("the new sign-in ended with %d at %s\n%s", p.status, p.url, p.body)
	}
	if n := len(w.live()); n != 1 {
		t.Errorf("%d sessions live, want the new one", n)
	}
}

func TestProgramsAreToldWhereToSignInAgain(t *testing.T) {
	w := newWorld(t)
	s := w.service.Load()
	r, _ := http.NewRequest(http.MethodGet, "https://"+wiki+"/x", nil)
	r.Host = wiki
	err := s.StepUp(newRecorder(), r, routeOf(w, wiki), policy.SignIn{Method: "mfa"})
	if e := weberr.As(err); e.Status != 401 || e.Code != "step-up-needed" || !strings.Contains(e.LoginURL, "amr%3Dmfa") {
		t.Errorf("got %+v", e)
	}
}
