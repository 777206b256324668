package config

import (
	"fmt"
	"net/url"
	"strings"
)

var storageKeys = []key[globals]{
	custom("databroker_storage_type", "one of file, memory", readStorageType,
		"Where sessions and other records live: `file` is a database in `data_dir`, `memory` forgets everything at a restart.").def("file"),
	works("databroker_storage_connection_string", textKind, func(g *globals) *string { return &g.connection },
		"With `file`, file:///PATH says where, as `data_dir` does.").secret().file(),
	works("data_dir", textKind, func(g *globals) *string { return &g.Storage.DataDir },
		"The directory of everything that outlives the process, made with mode 0700.").
		unset("$STATE_DIRECTORY as systemd sets it, else $XDG_STATE_HOME/sallyport, else ~/.local/state/sallyport, else ./.sallyport").ours(),
}

func readStorageType(g *globals, v value) {
	s, ok := v.word()
	if !ok {
		return
	}
	switch name := strings.ToLower(s); name {
	case "file", "memory":
		g.Storage.Type = name
	case "postgres":
		v.fail("\"file\" keeps records in data_dir, for one replica", "postgres is not supported yet")
	case "redis":
		v.fail("\"file\" keeps records in data_dir", "redis was removed from Pomerium and is not supported")
	default:
		v.expected("file or memory", "")
	}
}

func (l *loader) checkStorage(g *globals, said given) {
	if v := said["databroker_storage_connection_string"]; v.given() && g.connection != "" {
		g.connect(v, said["data_dir"].given())
	}
	if g.Storage.DataDir == "" {
		g.Storage.DataDir = dataDir(l.env)
		fmt.Fprintf(l.hash, "data_dir %s\n", g.Storage.DataDir)
	}
}

func (g *globals) connect(v value, hasDir bool) {
	if g.Storage.Type != "file" {
		v.warn("delete it", "has no effect with databroker_storage_type %s", g.Storage.Type)
		return
	}
	u, err := url.Parse(g.connection)
	switch {
	case err != nil || u.Scheme != "file" || u.Host != "" || !strings.HasPrefix(u.Path, "/"):
		v.expected("file:///PATH", "delete it: records are kept in data_dir")
	case hasDir:
		v.fail("keep one", "data_dir is given too")
	default:
		g.Storage.DataDir = u.Path
	}
}
