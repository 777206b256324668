package server

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"sallyport/config"
)

// metricsGuard asks for metrics_basic_auth where it is set. Both values are
// hashed before they are compared, so that the time taken tells nothing.
func metricsGuard(cfg config.Telemetry, next http.Handler) (http.Handler, error) {
	if cfg.MetricsBasicAuth == "" {
		return next, nil
	}
	plain, err := base64.StdEncoding.DecodeString(cfg.MetricsBasicAuth)
	if err != nil || !strings.Contains(string(plain), ":") {
		return nil, errors.New("metrics_basic_auth: expected base64 of user:password")
	}
	want := sha256.Sum256(plain)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got := sha256.Sum256([]byte(user + ":" + password))
		if subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="metrics"`)
			http.Error(w, "unauthorized", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}
