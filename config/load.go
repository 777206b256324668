package config

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"sallyport/policy"
)

// LoadOptions say where a configuration comes from.
type LoadOptions struct {
	// File is the path of the YAML file; "" reads the environment alone.
	File string
	// Bytes stand for the content of File where they are not nil.
	Bytes []byte
	// Environ is what os.Environ returns.
	Environ []string
	// ReadFile reads File and every file it names; nil means os.ReadFile. A
	// Watcher's ReadFile also remembers what it read.
	ReadFile func(path string) ([]byte, error)
	// Now says when certificates are looked at; nil means time.Now.
	Now func() time.Time
	// Look may warn of more in a configuration that is valid; what it finds is
	// silenced in the file as other warnings are. Nil: nobody looks.
	Look func(*Config) []Problem
}

// Load reads, decodes and checks a configuration. It returns either a Config or
// all problems that keep it from being one, in reading order.
func Load(o LoadOptions) (*Config, []Problem) {
	l := newLoader(o)
	if entries, ok := l.entries(); ok {
		l.config(entries)
	}
	if len(l.errors) > 0 {
		return nil, finish(l.causes(), l.file, l.sources)
	}
	l.cfg.File = o.File
	l.cfg.Files = l.files
	l.cfg.Hash = hex.EncodeToString(l.hash.Sum(nil))
	if o.Look != nil {
		l.warnings = append(l.warnings, o.Look(l.cfg)...)
	}
	l.cfg.Warnings = l.silence(finish(l.warnings, l.file, l.sources))
	return l.cfg, nil
}

// loader is one load under way.
type loader struct {
	problems
	o    LoadOptions
	cfg  *Config
	file string // what positions call the file
	env  map[string]string
	// sources are the texts that were read as YAML, by what positions call them.
	sources map[string]*source
	// origins are the nodes that were made of an environment variable.
	origins map[*yaml.Node]string
	hash    hash.Hash
	files   []string
	// secretKeys says of every known key whether it is secret; secretList is
	// their names. homes says which object a key belongs to.
	secretKeys map[string]bool
	secretList []string
	// nearSecrets remembers which unknown names were taken for misspelt secrets.
	nearSecrets map[string]bool
	judged      map[string]bool // unknown names: whether they look secret
	homes       map[string]string
	policies    map[string]*policy.Policy // named under policies
	named       map[string]Position       // where
	used        map[string]bool           // those that something uses
}

func newLoader(o LoadOptions) *loader {
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &loader{
		o: o, cfg: &Config{}, file: o.File, env: environment(o.Environ),
		sources: map[string]*source{}, origins: map[*yaml.Node]string{}, hash: sha256.New(),
		secretKeys: map[string]bool{}, judged: map[string]bool{}, homes: map[string]string{},
	}
	if l.file == "" && o.Bytes != nil {
		l.file = "configuration"
	}
	for _, section := range []struct {
		where string
		keys  []Key
	}{{globalTable.where, globalTable.list()}, {routeTable.where, routeTable.list()}} {
		for _, k := range section.keys {
			l.know(section.where, k)
		}
	}
	slices.Sort(l.secretList)
	l.nearSecrets = map[string]bool{}
	return l
}

// know notes what the tables say about a key.
func (l *loader) know(where string, k Key) {
	for _, name := range []string{k.Name, k.Alias} {
		if name != "" {
			l.secretKeys[name] = l.secretKeys[name] || k.Secret
			l.secretList = append(l.secretList, name)
			l.homes[name] = where
		}
	}
	for _, sub := range k.Sub {
		l.know(k.Name, sub)
	}
}

// entries reads the file and lays the environment over it.
func (l *loader) entries() ([]pair, bool) {
	entries, ok := l.fileEntries()
	if !ok {
		return nil, false
	}
	keys := globalTable.list()
	l.strangers(keys)
	return l.overlay(entries, keys), true
}

// fileEntries are the top-level keys of the file.
func (l *loader) fileEntries() ([]pair, bool) {
	if l.o.File == "" && l.o.Bytes == nil {
		return nil, true
	}
	text := l.o.Bytes
	if text == nil {
		var err error
		if text, err = l.read(l.o.File); err != nil {
			l.fail(Position{File: l.file}, unreadableHint(l.o.File, err), "cannot read the configuration: %v", err)
			return nil, false
		}
	} else {
		l.hash.Write(text)
	}
	n := l.parse(l.file, text)
	switch {
	case n == nil && len(l.errors) > 0:
		return nil, false
	case n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null":
		l.fail(l.start(), "to configure by the environment alone, name no file", "the file is empty")
		return nil, false
	}
	l.hideSecrets(l.file, n)
	return value{l: l, n: n, file: l.file, name: "configuration"}.pairs()
}

// start is where problems stand that are about no line.
func (l *loader) start() Position {
	if l.file == "" {
		return Position{File: "environment"}
	}
	return Position{File: l.file, Line: 1, Col: 1}
}

// missing reports a key that must be given.
func (l *loader) missing(name, hint string) {
	l.fail(l.start(), hint, "%s%s", name, missingSuffix)
}

// dataDir is where records are kept when no key says so: systemd's
// StateDirectory, else the XDG place, else a directory below the current one.
func dataDir(env map[string]string) string {
	if dir := env["STATE_DIRECTORY"]; dir != "" {
		first, _, _ := strings.Cut(dir, ":") // systemd lists several that way
		return first
	}
	if dir := env["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, "sallyport")
	}
	if home := env["HOME"]; filepath.IsAbs(home) && home != "/" {
		return filepath.Join(home, ".local", "state", "sallyport")
	}
	return ".sallyport"
}
