package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"sallyport/config"
	"sallyport/directory"
	"sallyport/store"
	"sallyport/store/bolt"
)

// ErrNothingStored says that a data directory holds nothing to read people from.
var ErrNothingStored = errors.New("no directory is stored")

// StoredPeople reads the people that an instance last knew from its data
// directory, while no instance runs on it. Nothing there is changed.
func StoredPeople(ctx context.Context, cfg *config.Config, log *slog.Logger) (People, error) {
	dir := cfg.Storage.DataDir
	if cfg.Storage.Type == "memory" {
		return People{}, fmt.Errorf("%w: the databroker_storage_type memory keeps nothing", ErrNothingStored)
	}
	if len(cfg.Session.SharedSecret) == 0 {
		// The secret is kept beside the store; one that is not there must not be made.
		if _, err := os.Stat(filepath.Join(dir, "shared_secret")); err != nil {
			return People{}, fmt.Errorf("%w: data directory %q: %w", ErrNothingStored, dir, err)
		}
	}
	ring, err := openRing(cfg, cfg.Session.SharedSecret, "shared_secret", log)
	if err != nil {
		return People{}, err
	}
	st, err := bolt.Open(bolt.Options{Dir: dir, Sealer: store.NewSealer(ring), Logger: log, ReadOnly: true})
	if errors.Is(err, os.ErrNotExist) {
		return People{}, fmt.Errorf("%w: %w", ErrNothingStored, err)
	}
	if err != nil {
		return People{}, err
	}
	all, err := directory.Stored(ctx, st, log)
	if err := errors.Join(err, st.Close()); err != nil {
		return People{}, err
	}
	if all.AsOf.IsZero() {
		return People{}, fmt.Errorf("%w in data directory %q: no instance has read one yet, or it was sealed with another shared_secret", ErrNothingStored, dir)
	}
	return peopleOf(all, SourceStored), nil
}
