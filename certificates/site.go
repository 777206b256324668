package certificates

import (
	"context"
	"fmt"
	"path"
	"strings"

	"sallyport/store"
)

const sitePrefix = "certificates/"

// siteOf names the directory of a certificate's part: the parts are
// certificates/ISSUER/HOST/HOST.key, .crt and .json, in the order in which
// certmagic writes them.
func siteOf(key string) (site string, ok bool) {
	if !strings.HasPrefix(key, sitePrefix) || strings.Count(key, "/") != 3 {
		return "", false
	}
	dir, file := path.Split(key)
	dir = strings.TrimSuffix(dir, "/")
	switch ext := path.Ext(file); ext {
	case ".key", ".crt", ".json":
		return dir, strings.TrimSuffix(file, ext) == path.Base(dir)
	}
	return "", false
}

// storeSite holds key and chain back until the description comes, which is
// last, and writes all three in one transaction. Whoever reads sees the old
// three or the new three: a crash between them, or a store that fails half way,
// leaves no chain beside a key that is not its own. The description alone is
// written as it comes.
func (s *storage) storeSite(ctx context.Context, site, key string, value []byte) error {
	if !strings.HasSuffix(key, ".json") {
		s.mu.Lock()
		s.pending[key] = append([]byte(nil), value...)
		s.mu.Unlock()
		return nil
	}
	base := strings.TrimSuffix(key, ".json")
	s.mu.Lock()
	secret, chain := s.pending[base+".key"], s.pending[base+".crt"]
	s.mu.Unlock()
	if secret == nil || chain == nil {
		_, err := s.store.Put(ctx, s.record(key, value), store.Any)
		return err
	}
	if err := s.stillOurs(ctx, issueLock(path.Base(site))); err != nil {
		return fmt.Errorf("write the certificate of %q: %w", path.Base(site), err)
	}
	err := s.store.PutAll(ctx, []store.Record{
		s.record(base+".key", secret), s.record(base+".crt", chain), s.record(key, value),
	})
	if err == nil {
		s.dropPending(base + ".key")
		s.dropPending(base + ".crt")
	}
	return err
}

// dropPending forgets a part that was held back, and reports whether there was
// one.
func (s *storage) dropPending(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.pending[key]
	delete(s.pending, key)
	return ok
}

// issueLock is what certmagic locks while it obtains or renews.
func issueLock(host string) string { return "issue_cert_" + host }
