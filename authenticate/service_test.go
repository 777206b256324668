package authenticate

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"sallyport/idp"
)

func TestNewDemandsWhatItNeedsAndDefaultsTheRest(t *testing.T) {
	w := newWorld(t)
	good := w.service.Load().o
	for name, spoil := range map[string]func(*Options){
		"no URL":       func(o *Options) { o.URL = nil },
		"no host":      func(o *Options) { o.URL = &url.URL{Scheme: "https", Host: "no host"} },
		"no providers": func(o *Options) { o.Providers = nil },
		"no hosts":     func(o *Options) { o.Hosts = nil },
		"no sessions":  func(o *Options) { o.Sessions = nil },
		"no codec":     func(o *Options) { o.Codec = nil },
		"no ring":      func(o *Options) { o.Ring = nil },
		"no store":     func(o *Options) { o.Store = nil },
		"no pages":     func(o *Options) { o.Pages = nil },
	} {
		o := good
		if spoil(&o); o.URL == good.URL && name == "no URL" {
			t.Fatal("the case changes nothing")
		}
		if _, err := New(o); err == nil {
			t.Errorf("%s: New succeeded, want an error", name)
		}
	}
	bare := good
	bare.Now, bare.Logger, bare.Wake, bare.ClientIP, bare.Settings = nil, nil, nil, nil, Settings{CookieExpire: -1}
	s, err := New(bare)
	if err != nil {
		t.Fatal(err)
	}
	got := s.o.Settings
	if got.CookieExpire != 14*time.Hour || got.OutageGrace != time.Hour || got.ProviderTimeout != 2700*time.Millisecond ||
		got.DirectoryTimeout != 5*time.Second || strings.Join(got.ProgrammaticRedirectDomains, " ") != "localhost" {
		t.Errorf("settings %+v, want the defaults", got)
	}
	if s.o.ClientIP(nil).IsValid() || time.Since(s.now()) > time.Minute || s.o.Logger == nil {
		t.Error("clock, logger and client address have no default")
	}
	s.o.Wake("nobody")
	kept := good
	kept.Settings = Settings{CookieExpire: time.Minute, OutageGrace: 2 * time.Minute, ProgrammaticRedirectDomains: []string{}}
	if s, err = New(kept); err != nil || s.o.Settings.CookieExpire != time.Minute || s.o.Settings.OutageGrace != 2*time.Minute || len(s.o.Settings.ProgrammaticRedirectDomains) != 0 {
		t.Errorf("settings %+v, %v; want those given", s.o.Settings, err)
	}
}

func TestRefresherDemandsWhatItNeedsAndDefaultsTheRest(t *testing.T) {
	w := newWorld(t)
	good := RefreshOptions{Sessions: w.sessions, Store: w.store, Providers: func() map[string]idp.Provider { return nil }}
	for name, spoil := range map[string]func(*RefreshOptions){
		"no sessions":  func(o *RefreshOptions) { o.Sessions = nil },
		"no store":     func(o *RefreshOptions) { o.Store = nil },
		"no providers": func(o *RefreshOptions) { o.Providers = nil },
	} {
		o := good
		spoil(&o)
		if _, err := NewRefresher(o); err == nil {
			t.Errorf("%s: NewRefresher succeeded, want an error", name)
		}
	}
	f, err := NewRefresher(good)
	if err != nil {
		t.Fatal(err)
	}
	if f.o.Logger == nil || f.o.Concurrency <= 0 || time.Since(f.o.Now()) > time.Minute || f.o.Rand() >= 1 {
		t.Errorf("options %+v, want defaults", f.o)
	}
}

func TestAddressesToReturnToStayWhereTheyMay(t *testing.T) {
	for raw, want := range map[string]bool{
		"/": true, "/a?b=c": true, "/" + strings.Repeat("a", maxReturn-1): true,
		"": false, "a": false, "//evil": false, "/\\evil": false, "/a#b": false, "/a b": false, "/ä": false, "/\x7f": false, "/%zz": false,
		"/" + strings.Repeat("a", maxReturn): false, "https://evil/": false,
	} {
		if got, ok := localTarget(raw); ok != want || ok && got != raw || !ok && got != "" {
			t.Errorf("localTarget(%.40q) = %.40q, %t; want %t", raw, got, ok, want)
		}
	}
	for raw, want := range map[string]string{
		"https://app.test": "https://app.test/", "https://APP.test?a": "https://app.test/?a", "https://app.test/x": "https://app.test/x",
		"https://app.test/" + strings.Repeat("a", maxForeign-17): "https://app.test/" + strings.Repeat("a", maxForeign-17),
		"https://app.test/" + strings.Repeat("a", maxForeign-16): "",
		"http://app.test/": "", "https://evil.test/": "", "https://app.test//x": "", "https:///x": "",
	} {
		if got, ok := foreignTarget(raw, func(name string) bool { return name == "app.test" }); got != want || ok != (want != "") {
			t.Errorf("foreignTarget(%.40q) = %.40q, %t; want %.40q", raw, got, ok, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL = &url.URL{Path: "//evil"}
	if got := requestTarget(r); got != "/" {
		t.Errorf("requestTarget of //evil = %q, want the root", got)
	}
	for c, want := range map[string]bool{"0": true, "9": true, "a": true, "f": true, "g": false, "A": false, ":": false, "/": false, "`": false} {
		if got := validAttemptID(strings.Repeat(c, attemptIDLen)); got != want {
			t.Errorf("validAttemptID of %q alone = %t, want %t", c, got, want)
		}
	}
	for _, length := range []int{0, attemptIDLen - 1, attemptIDLen + 1} {
		if validAttemptID(strings.Repeat("0", length)) {
			t.Errorf("an attempt id of %d characters counts", length)
		}
	}
}

func TestAccountsAreNamedByWhatIsKnown(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn(wiki)
	ss := *w.sessionOf(b)
	ss.Subject.Name = "Alice"
	if got := accountOf(&ss); got != ss.Subject.Email {
		t.Errorf("account %q, want the address", got)
	}
	ss.Subject.Email = ""
	if got := accountOf(&ss); got != "Alice" {
		t.Errorf("account %q, want the name", got)
	}
	ss.Subject.Name = ""
	if got := accountOf(&ss); got != ss.Subject.ID {
		t.Errorf("account %q, want the id", got)
	}
}
