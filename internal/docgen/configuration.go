package main

import (
	"fmt"
	"strings"

	"sallyport/config"
)

const configurationHead = `<!-- Written by go run ./internal/docgen; change the tables of package config instead. -->

# Configuration

One YAML file says everything, and variables of the environment are laid over it. The names are Pomerium's; keys that Pomerium
does not have are marked *ours*.

- ` + "`sallyport validate --config FILE`" + ` tells every problem at once: file, line, column, the line itself and what to do.
- A key's variable is its name in upper case; ours begin with SALLYPORT_. Keys of a mapping join with _. Lists are written with
  commas or as JSON, mappings as JSON, routes as base64 of their YAML.
- Keys marked *or a file* can be read from a file: NAME_file in YAML, NAME_FILE in the environment. Newlines at its end are left out;
  the file is watched.
- Durations have units: 30s, 5m, 1h30m. Paths are relative to the working directory.
- Secrets never appear in messages.
`

// configuration is the page of all keys.
func configuration() string {
	var b strings.Builder
	b.WriteString(configurationHead)
	for _, s := range config.Reference() {
		fmt.Fprintf(&b, "\n## %s\n", s.Title)
		if s.Intro != "" {
			fmt.Fprintf(&b, "\n%s\n", s.Intro)
		}
		works := s.Keys[0].Status == config.Works
		if works {
			b.WriteString("\n| key | type | default | what it does |\n|---|---|---|---|\n")
		} else {
			b.WriteString("\n| key | what happens | why |\n|---|---|---|\n")
		}
		for _, k := range s.Keys {
			row(&b, k, "", works, s.Environment)
		}
	}
	return b.String()
}

// row writes a key, and below it the keys that it holds.
func row(b *strings.Builder, k config.Key, parent string, works, environment bool) {
	name := "`" + parent + k.Name + "`"
	if works {
		if k.Alias != "" {
			name += " or `" + k.Alias + "`"
		}
		fmt.Fprintf(b, "| %s%s | %s | %s | %s%s |\n", name, marks(k), cell(k.Type), standard(k), cell(k.Doc), variable(k, parent, environment))
	} else {
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, outcome(k.Status), cell(k.Doc))
	}
	if !works {
		return
	}
	for _, sub := range k.Sub {
		sub.Ours = false // said once, of the whole
		row(b, sub, parent+k.Name+".", works, false)
	}
}

func marks(k config.Key) string {
	var out string
	if k.File {
		out += "<br>*or a file*"
	}
	if k.Secret {
		out += "<br>*secret*"
	}
	if k.Ours {
		out += "<br>*ours*"
	}
	return out
}

// variable names the variable where it is not simply the key in upper case.
func variable(k config.Key, parent string, environment bool) string {
	if environment && parent == "" && k.Ours && len(k.Sub) == 0 {
		return " Variable: `" + k.Env() + "`."
	}
	return ""
}

// standard is what holds where the key is not given.
func standard(k config.Key) string {
	switch {
	case k.Default != "":
		return cell(k.Default)
	case k.Unset != "":
		return cell(k.Unset)
	}
	return "–"
}

func outcome(s config.Status) string {
	switch s {
	case config.NoEffect:
		return "warns: no effect"
	case config.Removed:
		return "error: removed"
	}
	return "error: not supported yet"
}

// cell is text inside a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
