package certificates

import (
	"context"
	"path"
	"slices"
	"strings"

	"sallyport/store"
)

// List implements certmagic.Storage: what is in the directory, with the
// directories in it; recursive: at any depth.
func (s *storage) List(ctx context.Context, dir string, recursive bool) ([]string, error) {
	dir = strings.Trim(dir, "/")
	keys, err := s.below(ctx, dir)
	if err != nil {
		return nil, err
	}
	if len(keys) == 0 && dir != "" && !s.Exists(ctx, dir) {
		return nil, notExist(dir)
	}
	var list []string
	for _, key := range keys {
		rest := strings.TrimPrefix(strings.TrimPrefix(key, dir), "/")
		for i, c := range rest {
			if c == '/' {
				list = append(list, path.Join(dir, rest[:i]))
				if !recursive {
					break
				}
			}
		}
		if recursive || !strings.Contains(rest, "/") {
			list = append(list, key)
		}
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// below returns the keys under a directory, in order; "" is the root.
func (s *storage) below(ctx context.Context, dir string) ([]string, error) {
	if dir != "" {
		dir += "/"
	}
	var keys []string
	err := s.store.Scan(ctx, Kind, dir, func(r store.Record) error {
		keys = append(keys, r.Key)
		return nil
	})
	return keys, err
}
