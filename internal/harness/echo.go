package harness

import (
	"encoding/json"
	"net/http"
	"os"
)

// Seen is what the echo application answers: the request as it reached it.
type Seen struct {
	Method string      `json:"method"`
	Host   string      `json:"host"`
	URI    string      `json:"uri"`
	Header http.Header `json:"header"`
}

// Echo answers with the request it got.
func Echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(Seen{r.Method, r.Host, r.RequestURI, r.Header})
}

// writeFile replaces a file as editors do: whole, by a rename.
func writeFile(path string, content []byte) error {
	tmp := path + ".new"
	if err := os.WriteFile(tmp, content, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
