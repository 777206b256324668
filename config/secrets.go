package config

import (
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"

	"sallyport/internal/nearest"
)

// secretName reports whether a key of that name may hold something that must
// not be shown: the tables know, and names that they do not have are judged by
// their words.
func (l *loader) secretName(name string) bool {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	name = strings.TrimRight(name, "0123456789[] ") // "route 12": the items of a list are judged once
	if secret, known := l.secretKeys[name]; known {
		return secret
	}
	secret, judged := l.judged[name]
	if !judged {
		secret = secretName(name)
		l.judged[name] = secret
	}
	return secret
}

// hideSecrets hides in the source of that name the values of keys that may be
// secret, keys misspelt and misplaced ones included.
func (l *loader) hideSecrets(source string, n *yaml.Node) {
	src := l.sources[source]
	if n.Kind != yaml.MappingNode {
		for _, c := range n.Content {
			l.hideSecrets(source, c)
		}
		return
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		name := k.Value
		_, known := l.secretKeys[name]
		_, file := l.secretKeys[strings.TrimSuffix(name, "_file")]
		switch {
		case l.secretName(name), !known && l.nearSecret(name):
			src.hide(v)
		case file && l.secretName(strings.TrimSuffix(name, "_file")) && !pathLike(v.Value):
			src.hide(v)
		default:
			l.hideSecrets(source, v)
		}
	}
}

// nearSecret reports whether a name is a misspelt secret's. A file of many routes
// repeats a few names, so answers are kept.
func (l *loader) nearSecret(name string) bool {
	near, asked := l.nearSecrets[name]
	if !asked {
		near = l.secretName(nearest.To(name, l.secretList))
		l.nearSecrets[name] = near
	}
	return near
}

// usualFile is a relative path that ends as files with keys do.
var usualFile = regexp.MustCompile(`^[A-Za-z0-9_./ -]+\.(pem|key|crt|cer|txt|json|secret|b64|token|yaml|yml)$`)

var keyText = regexp.MustCompile(`^[A-Za-z0-9+/_-]{40,}=*$`)

// pathLike reports whether s is surely the path of a file and not the secret
// that somebody wrote where its path belongs.
func pathLike(s string) bool {
	rooted := strings.HasPrefix(s, "/") || strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../")
	return (rooted || usualFile.MatchString(s)) && !keyText.MatchString(s) && !strings.ContainsAny(s, "\n=")
}
