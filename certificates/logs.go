package certificates

import (
	"context"
	"log/slog"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// quiet is a log for libraries: their progress is debugging to us, their errors
// are warnings, since what they mean for a host is said by the keeper.
type quiet struct{ slog.Handler }

// level is what a library's level is worth.
func level(l slog.Level) slog.Level {
	if l >= slog.LevelWarn {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return q.Handler.Enabled(ctx, level(l))
}

func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	r.Level = level(r.Level)
	return q.Handler.Handle(ctx, r)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }

// zapTo makes the logger that certmagic wants out of ours.
func zapTo(log *slog.Logger) *zap.Logger {
	return zap.New(&zapCore{slog.New(quiet{log.Handler()})})
}

// zapCore is zapcore.Core on slog. It takes over plain values and errors only:
// a struct may hold a key.
type zapCore struct{ log *slog.Logger }

func slogLevel(l zapcore.Level) slog.Level {
	switch {
	case l >= zapcore.ErrorLevel:
		return slog.LevelError
	case l >= zapcore.WarnLevel:
		return slog.LevelWarn
	case l >= zapcore.InfoLevel:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// Enabled implements zapcore.Core.
func (c *zapCore) Enabled(l zapcore.Level) bool {
	return c.log.Enabled(context.Background(), slogLevel(l))
}

// With implements zapcore.Core.
func (c *zapCore) With(fields []zapcore.Field) zapcore.Core {
	return &zapCore{slog.New(c.log.Handler().WithAttrs(attrs(fields)))}
}

// Check implements zapcore.Core.
func (c *zapCore) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write implements zapcore.Core.
func (c *zapCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	c.log.LogAttrs(context.Background(), slogLevel(e.Level), "certificates: "+e.Message, attrs(fields)...)
	return nil
}

// Sync implements zapcore.Core.
func (c *zapCore) Sync() error { return nil }

func attrs(fields []zapcore.Field) []slog.Attr {
	enc := zapcore.NewMapObjectEncoder()
	var list []slog.Attr
	for _, f := range fields {
		switch f.Type {
		case zapcore.ReflectType, zapcore.ObjectMarshalerType, zapcore.InlineMarshalerType, zapcore.BinaryType, zapcore.ByteStringType:
			continue
		case zapcore.ErrorType:
			if err, ok := f.Interface.(error); ok && err != nil {
				list = append(list, slog.String(f.Key, err.Error()))
			}
			continue
		}
		if secretName(f.Key) {
			continue
		}
		f.AddTo(enc)
		list = append(list, slog.Any(f.Key, enc.Fields[f.Key]))
	}
	return list
}

func secretName(key string) bool {
	key = strings.ToLower(key)
	for _, word := range []string{"token", "secret", "private", "mac", "auth", "pem"} {
		if strings.Contains(key, word) {
			return true
		}
	}
	return false
}
