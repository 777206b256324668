package certificates

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"
)

// logBuffer collects a log that several goroutines write.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func jsonLog(l *logBuffer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelInfo}))
}

func TestTheLibrarysLogIsQuietAndHoldsNoSecrets(t *testing.T) {
	var out logBuffer
	log := zapTo(jsonLog(&out)).Named("x").With(zap.String("identifier", "app.test"), zap.String("private_key", "hidden-1"))
	log.Info("progress", zap.Int("n", 3), zap.Duration("took", 5))
	log.Error("failure", zap.Error(errors.New("no route")), zap.Any("account", struct{ Key string }{"hidden-2"}),
		zap.ByteString("pem", []byte("hidden-3")), zap.String("token", "hidden-4"), zap.Strings("sans", []string{"app.test"}))
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"level":"DEBUG"`) || !strings.Contains(lines[1], `"level":"WARN"`) {
		t.Fatalf("want progress as DEBUG and a failure as WARN:\n%s", out.String())
	}
	for _, want := range []string{`"msg":"certificates: failure"`, `"identifier":"app.test"`, `"error":"no route"`, `"sans":["app.test"]`} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("%s is missing in %s", want, lines[1])
		}
	}
	if strings.Contains(out.String(), "hidden") {
		t.Errorf("a secret was logged:\n%s", out.String())
	}
}
