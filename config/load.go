package config

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
}

// Load reads, decodes and checks a configuration. It returns either a Config or
// all problems that keep it from being one.
func Load(o LoadOptions) (*Config, []Problem) {
	return nil, nil
}
