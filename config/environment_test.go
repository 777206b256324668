package config

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEnvironmentAlone(t *testing.T) {
	routes := "- from: https://app.example.com\n  to: http://127.0.0.1:8080\n  policy: {allow: {or: [authenticated_user: true]}}\n"
	for _, name := range []string{"ROUTES", "POLICY"} {
		cfg, problems := Load(LoadOptions{Environ: []string{
			"AUTHENTICATE_SERVICE_URL=https://authenticate.example.com",
			"IDP_PROVIDER=okta", "IDP_PROVIDER_URL=https://acme.okta.com", "IDP_CLIENT_ID=a", "IDP_CLIENT_SECRET=b",
			name + "=" + base64.StdEncoding.EncodeToString([]byte(routes)),
			"COOKIE_EXPIRE=1h", "INSECURE_SERVER=1", "PASS_IDENTITY_HEADERS=TRUE",
			"IDP_SCOPES=openid,offline_access", `ACCESS_LOG_FIELDS=["path", "method"]`,
			`IDP_REQUEST_PARAMS={"prompt": "login", "max_age": 60}`,
			"JWT_CLAIMS_HEADERS=email", `RUNTIME_FLAGS={"pomerium_jwt_endpoint": true}`,
			"SALLYPORT_TRUSTED_PROXIES=10.0.0.0/8,::1", "SALLYPORT_DIRECTORY_MAX_STALENESS=5m",
			"STATE_DIRECTORY=/var/lib/sallyport:/other", "LOG_LEVEL=", "PATH=/bin",
		}})
		if cfg == nil {
			t.Fatalf("%s: problems:\n%s", name, comments("want", problems))
		}
		for _, c := range []struct {
			name      string
			got, want any
		}{
			{"routes", cfg.Routes[0].Position.String(), "env " + name + ":1:3"},
			{"duration", cfg.Session.CookieExpire, time.Hour},
			{"1 is true", cfg.Listen.Insecure, true},
			{"TRUE is true", cfg.Routes[0].PassIdentityHeaders, true},
			{"list with commas", cfg.Provider.Scopes, []string{"openid", "offline_access"}},
			{"list as JSON", cfg.Telemetry.AccessLogFields, []string{"path", "method"}},
			{"mapping as JSON", cfg.Provider.RequestParams, map[string]string{"prompt": "login", "max_age": "60"}},
			{"claims", cfg.Identity.ClaimsHeaders, []ClaimHeader{{"X-Pomerium-Claim-Email", "email"}}},
			{"flags", cfg.Authenticate.AllowJWTEndpoint, true},
			{"ours has a prefix", len(cfg.Hygiene.TrustedProxies), 2},
			{"part of a mapping", cfg.Directory.MaxStaleness, 5 * time.Minute},
			{"systemd's directory", cfg.Storage.DataDir, "/var/lib/sallyport"},
			{"empty is unset", cfg.Telemetry.LogLevel, "info"},
			{"file", cfg.File, ""},
			{"warnings", comments("warn", cfg.Warnings), ""},
		} {
			if diff := cmp.Diff(c.want, c.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.name, diff)
			}
		}
	}
}

func TestEnvironmentTakesThePlaceOfTheFile(t *testing.T) {
	const key32 = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	for name, c := range map[string]struct {
		text    string
		environ []string
		get     func(*Config) any
		want    any
	}{
		"a key": {
			"log_level: debug\n",
			[]string{"LOG_LEVEL=warn"},
			func(c *Config) any { return c.Telemetry.LogLevel }, "warn",
		},
		"a key that is wrong in the file": {
			"timeout_read: soon\n",
			[]string{"TIMEOUT_READ=3s"},
			func(c *Config) any { return c.Listen.TimeoutRead }, 3 * time.Second,
		},
		"a file by the value": {
			"cookie_secret_file: testdata/none.txt\n",
			[]string{"COOKIE_SECRET=" + key32},
			func(c *Config) any { return len(c.Session.CookieSecret) }, 1,
		},
		"the value by a file": {
			"idp_client_secret: abc\n",
			[]string{"IDP_CLIENT_SECRET_FILE=testdata/secret.txt"},
			func(c *Config) any { return c.Provider.ClientSecret }, "c2VjcmV0LWZyb20tYS1maWxlLXRoYXQtaXMtbG9uZyE=",
		},
		"one part of a mapping": {
			"directory: {max_staleness: 1m}\n",
			[]string{"SALLYPORT_DIRECTORY_MAX_STALENESS=2m"},
			func(c *Config) any { return c.Directory.MaxStaleness }, 2 * time.Minute,
		},
		"routes": {
			"routes:\n  - from: nonsense\n",
			[]string{"ROUTES=" + base64.RawStdEncoding.EncodeToString([]byte("[]"))},
			func(c *Config) any { return len(c.Routes) }, 0,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.get(load(t, c.text, c.environ...)); !cmp.Equal(got, c.want) {
				t.Errorf("expected %v, got %v", c.want, got)
			}
		})
	}
}

func TestDataDirectory(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"SALLYPORT_DATA_DIR=/srv/s", "STATE_DIRECTORY=/var/lib/s"}, "/srv/s"},
		{[]string{"STATE_DIRECTORY=/var/lib/s", "XDG_STATE_HOME=/x"}, "/var/lib/s"},
		{[]string{"XDG_STATE_HOME=/x", "HOME=/home/a"}, "/x/sallyport"},
		{[]string{"HOME=/home/a"}, "/home/a/.local/state/sallyport"},
		{[]string{"XDG_STATE_HOME=relative", "HOME=/"}, ".sallyport"},
		{[]string{"DATABROKER_STORAGE_CONNECTION_STRING=file:///srv/d", "STATE_DIRECTORY=/var/lib/s"}, "/srv/d"},
	} {
		if got := load(t, "log_level: info\n", append([]string{"HOME="}, c.env...)...).Storage.DataDir; got != c.want {
			t.Errorf("%v: expected %s, got %s", c.env, c.want, got)
		}
	}
}

// T39: what comes from the environment or a file is what it is: nothing in it is
// looked up, run or decoded once more.
func TestValuesAreNotExpandedAgain(t *testing.T) {
	t.Setenv("HOME", "/home/somebody")
	dir := t.TempDir()
	for i, text := range []string{"${HOME}", "$HOME", "$(id)", "`id`", "{{.}}", "%HOME%", "$$", "*anchor", "&anchor x", "!!binary eA==", "<<", "<nil>", "file:///etc/passwd", `a\nb`, `"quoted"`, "~", "null", "0x10", "%41"} {
		file := filepath.Join(dir, fmt.Sprintf("$HOME-%d", i))
		if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for way, environ := range map[string][]string{
			"the environment": {"IDP_CLIENT_SECRET=" + text}, "a file that the environment names": {"IDP_CLIENT_SECRET_FILE=" + file}, "a file": nil,
		} {
			yaml := "authenticate_service_url: https://authenticate.example.com\nidp_provider: okta\nidp_provider_url: https://acme.okta.com\nidp_client_id: a\n"
			if environ == nil {
				yaml += "idp_client_secret_file: '" + file + "'\n"
			}
			cfg, problems := Load(LoadOptions{File: "config.yaml", Bytes: []byte(yaml), Environ: environ})
			if cfg == nil || cfg.Provider.ClientSecret != text {
				t.Errorf("%q from %s: read as %+v, %v", text, way, cfg, problems)
			}
		}
	}
}
