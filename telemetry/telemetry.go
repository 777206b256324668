// Package telemetry is what operators see of a running proxy: the log (slog,
// JSON), one access record per request, and Prometheus metrics. It decides
// nothing and blocks nothing: a log that cannot be written is dropped and
// counted, never waited for. The decision record is authorize's, audit meaning
// is theirs; this package only carries it. Nothing here prints a secret: fields
// that could hold one (query, referer, named headers) are cleaned on the way.
package telemetry

import (
	"io"
	"log/slog"
	"strings"
)

// levelTrace and levelOff extend slog's levels to Pomerium's names.
const (
	levelTrace = slog.LevelDebug - 4
	levelOff   = slog.LevelError + 100
)

// ParseLevel turns a log_level into slog's; ok is false for an unknown one.
func ParseLevel(name string) (level slog.Level, ok bool) {
	switch strings.ToLower(name) {
	case "trace", "all":
		return levelTrace, true
	case "debug":
		return slog.LevelDebug, true
	case "", "info":
		return slog.LevelInfo, true
	case "warn", "warning":
		return slog.LevelWarn, true
	case "error", "critical", "fatal", "panic":
		return slog.LevelError, true
	case "off", "disabled":
		return levelOff, true
	}
	return slog.LevelInfo, false
}

// Log is a JSON logger whose level can change with a reload.
type Log struct {
	*slog.Logger
	level *slog.LevelVar
}

// NewLog writes JSON lines to w; an unknown level counts as info.
func NewLog(w io.Writer, level string) *Log {
	v := new(slog.LevelVar)
	l, _ := ParseLevel(level)
	v.Set(l)
	h := slog.NewJSONHandler(w, &slog.HandlerOptions{Level: v, ReplaceAttr: readable})
	return &Log{Logger: slog.New(h), level: v}
}

// SetLevel changes the level for every logger made from l.
func (l *Log) SetLevel(level string) {
	v, _ := ParseLevel(level)
	l.level.Set(v)
}

// readable writes levels as Pomerium's log does, "info", not "INFO", and
// durations with their unit: "2s", not 2000000000.
func readable(groups []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindDuration {
		return slog.String(a.Key, a.Value.Duration().String())
	}
	if len(groups) > 0 || a.Key != slog.LevelKey {
		return a
	}
	if l, ok := a.Value.Any().(slog.Level); ok {
		if l <= levelTrace {
			return slog.String(slog.LevelKey, "trace")
		}
		return slog.String(slog.LevelKey, strings.ToLower(l.String()))
	}
	return a
}
