package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestAccessRecordHoldsTheFieldsAskedForAndNoSecret(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(&out, "info")
	r := httptest.NewRequest("GET", "https://app.example.com/a?code=SECRET1&x=1&pomerium%5Fjwt=SECRET2", nil)
	r.Header.Set("Referer", "https://u:SECRET3@app.example.com/b?token=SECRET4#SECRET5")
	r.Header.Set("Authorization", "Bearer SECRET6")
	r.Header.Set("X-Shown", "line1\r\nline2")
	_, a := WithAccess(t.Context())
	a.SetRoute("wiki")
	a.SetSession("SECRET7")
	fields := append([]string{"query", "headers.authorization", "headers.X-Shown", "session-id", "cluster-stat-name"}, DefaultAccessFields...)
	a.Log(log.Logger, fields, Finished{Request: r, RequestID: "req-1", IP: "192.0.2.1", Status: 200, Bytes: 7, Duration: 1500 * time.Microsecond})

	if strings.Contains(out.String(), "SECRET") {
		t.Errorf("record holds a secret: %s", out.String())
	}
	if n := strings.Count(out.String(), "\n"); n != 1 {
		t.Errorf("got %d lines, want 1", n)
	}
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"msg": "http-request", "level": "info", "method": "GET", "path": "/a", "authority": "app.example.com",
		"query": "code=<redacted>&x=1&pomerium%5Fjwt=<redacted>", "referer": "https://app.example.com/b",
		"response-code": 200.0, "size": 7.0, "duration": 1.5, "request-id": "req-1", "ip": "192.0.2.1",
		"headers.authorization": "<redacted>", "headers.X-Shown": "line1\r\nline2", "cluster-stat-name": "wiki",
	} {
		if got[key] != want {
			t.Errorf("%s = %v, want %v", key, got[key], want)
		}
	}
}

func TestNilAccessTakesEverything(t *testing.T) {
	a := AccessFrom(t.Context())
	a.SetRoute("x")
	a.SetDetail("x")
	a.Log(NewLog(io.Discard, "").Logger, nil, Finished{})
	if a.Route() != "none" {
		t.Errorf("Route() = %q, want none", a.Route())
	}
}

func TestLogLevelCanChange(t *testing.T) {
	var out bytes.Buffer
	log := NewLog(&out, "error")
	log.Info("unseen")
	log.SetLevel("debug")
	log.Debug("seen")
	log.SetLevel("off")
	log.Error("unseen")
	if got := out.String(); !strings.Contains(got, `"seen"`) || strings.Contains(got, "unseen") {
		t.Errorf("log = %s", got)
	}
}

type stuck struct{ release chan struct{} }

func (s stuck) Write(p []byte) (int, error) {
	<-s.release
	return 0, errors.New("no space left on device")
}

func TestASlowOrFailingLogNeverBlocksAndIsCounted(t *testing.T) {
	s := stuck{make(chan struct{})}
	w := NewAsyncWriter(s)
	for range asyncLines + 100 {
		if n, err := w.Write([]byte("x\n")); n != 2 || err != nil {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	if w.Dropped() < 99 {
		t.Errorf("dropped %d, want at least 99", w.Dropped())
	}
	close(s.release)
	w.Close()
	w.Close()
	w.Write([]byte("late\n"))
	if w.Dropped() != asyncLines+101 {
		t.Errorf("dropped %d, want every line: %d", w.Dropped(), asyncLines+101)
	}
}

func TestAsyncWriterKeepsOrderAndFlushesOnClose(t *testing.T) {
	var out bytes.Buffer
	w := NewAsyncWriter(&out)
	for _, s := range []string{"a", "b", "c"} {
		w.Write([]byte(s))
	}
	w.Close()
	if out.String() != "abc" {
		t.Errorf("got %q, want abc", out.String())
	}
}
