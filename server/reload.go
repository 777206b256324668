package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"reflect"
	"runtime/debug"
	"syscall"

	"sallyport/config"
)

// Reload loads the configuration again, builds a whole new generation and swaps
// it in. Whatever fails leaves the last good generation in force, and says so in
// log, metric and health.
func (s *Server) Reload() error {
	s.reload.Lock()
	defer s.reload.Unlock()
	err := s.reloadLocked()
	if err != nil {
		s.metrics.ReloadSuccess.Set(0)
		s.health.set("configuration", errors.New("the file on disk was refused, the last good one is in force: "+err.Error()))
		return err
	}
	s.metrics.ReloadSuccess.Set(1) // also where the file went back to what is in force
	s.health.set("configuration", nil)
	return nil
}

func (s *Server) reloadLocked() error {
	cfg, problems := config.Load(s.load())
	if len(problems) > 0 {
		for _, p := range problems {
			s.log.Error("configuration refused", slog.String("at", p.Position.String()), slog.String("problem", p.Message), slog.String("hint", p.Hint))
		}
		return &ConfigError{Problems: problems}
	}
	old := s.gen.Load().cfg
	if cfg.Hash == old.Hash {
		s.log.Info("configuration is the one in force: nothing to change")
		return nil
	}
	gen, err := s.build(cfg)
	if err != nil {
		s.log.Error("configuration refused", slog.String("problem", err.Error()))
		return err
	}
	if err := s.state.certs.Set(certificatesOf(cfg)); err != nil {
		s.log.Error("configuration refused", slog.String("problem", err.Error()))
		return err
	}
	s.swap(gen)
	s.useCertificates(cfg)
	s.warnRestart(old, cfg)
	go debug.FreeOSMemory()
	s.log.Info("configuration reloaded", slog.String("hash", cfg.Hash), slog.Int("routes", len(cfg.Routes)))
	return nil
}

// swap puts gen in force. Requests under way keep the one they began with.
func (s *Server) swap(gen *generation) {
	s.state.sealer.set(gen.rings.shared)
	s.state.source.set(gen.source, organisation(gen.cfg))
	s.state.providers.use(gen.providers)
	s.health.check("identity-provider", s.state.providers.check)
	s.log.SetLevel(gen.cfg.Telemetry.LogLevel)
	s.gen.Store(gen)
	s.state.follower.changed("")
	s.state.directory.Wake()
	s.metrics.ReloadSuccess.Set(1)
	s.metrics.ReloadTime.Set(float64(s.now().Unix()))
	for _, w := range gen.cfg.Warnings {
		s.log.Warn("configuration", slog.String("at", w.Position.String()), slog.String("warning", w.Message), slog.String("hint", w.Hint))
	}
}

// warnRestart names the changes that only a restart brings into force.
func (s *Server) warnRestart(old, cfg *config.Config) {
	fixed := []struct {
		name     string
		old, now any
	}{
		{"address", old.Listen.Address, cfg.Listen.Address},
		{"insecure_server", old.Listen.Insecure, cfg.Listen.Insecure},
		{"http_redirect_addr", old.Listen.HTTPRedirectAddr, cfg.Listen.HTTPRedirectAddr},
		{"databroker_storage_type", old.Storage, cfg.Storage},
		{"revocation_bound", old.Session.RevocationBound, cfg.Session.RevocationBound},
		{"runtime_flags.config_hot_reload", old.WatchFiles, cfg.WatchFiles},
		{"metrics_address", old.Telemetry.MetricsAddress, cfg.Telemetry.MetricsAddress},
		{"health_check_addr", old.Telemetry.HealthAddress, cfg.Telemetry.HealthAddress},
		{"debug_address", old.Telemetry.DebugAddress, cfg.Telemetry.DebugAddress},
	}
	for _, f := range fixed {
		if !reflect.DeepEqual(f.old, f.now) {
			s.log.Warn("this change needs a restart to take effect", slog.String("key", f.name))
		}
	}
}

// newWatcher watches every file that the configuration was made from. What it
// hands to Load counts as seen, so that no change between load and look is lost.
func (s *Server) newWatcher() *config.Watcher {
	s.changed = make(chan struct{}, 1)
	files := func() []string {
		if gen := s.gen.Load(); gen != nil {
			return gen.cfg.Files
		}
		return nil
	}
	return config.NewWatcher(files, func() {
		select {
		case s.changed <- struct{}{}:
		default: // a reload is due already
		}
	})
}

// watch reloads when a file changes and on SIGHUP, until ctx ends.
func (s *Server) watch(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	if s.gen.Load().cfg.WatchFiles {
		go s.watcher.Run(ctx)
	}
	go func() {
		defer close(done)
		defer signal.Stop(hup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
			case <-s.changed:
			}
			_ = s.Reload() // it has logged and counted its own failure
		}
	}()
	s.defers(func(context.Context) error { cancel(); <-done; return nil })
}
