package config

import "strings"

// DefaultEventHookPath is where an event hook posts to on the authenticate host.
const DefaultEventHookPath = "/.sallyport/okta/events"

// minHookSecret is what keeps a static secret from being guessed.
const minHookSecret = 32

var eventHookKeys = []key[globals]{
	custom("event_hook", "mapping", func(g *globals, v value) {
		entries, ok := v.pairs()
		if !ok {
			return
		}
		decode(v.l, eventHookTable, &g.EventHook, entries)
		switch hook := &g.EventHook; {
		case hook.Secret == "":
			v.expected("a secret", "set event_hook.secret to the value of the Authorization header that the event hook in Okta sends")
		case len(hook.Secret) < minHookSecret:
			v.expected("a secret of at least 32 characters", "it is all that tells Okta from anybody else: make one with `openssl rand -hex 32`")
		}
	}, "Where Okta's event hooks are taken, so that changes take effect within a second. Off unless it is given.").ours().sub(eventHookTable.list()),
}

var eventHookTable = newTable("event_hook", nil, []key[EventHook]{
	custom("path", "path", func(h *EventHook, v value) {
		path, ok := v.word()
		if !ok {
			return
		}
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "?#%") || strings.Contains(path, "//") || strings.Contains(path, "/.pomerium") {
			v.expected("a path on the authenticate host", "such as "+DefaultEventHookPath)
			return
		}
		h.Path = path
	}, "The path on the authenticate host.").def(DefaultEventHookPath),
	works("secret", textKind, func(h *EventHook) *string { return &h.Secret },
		"The value of the Authorization header that Okta sends, 32 characters at least.").secret().file(),
})
