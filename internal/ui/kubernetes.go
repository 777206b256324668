package ui

import (
	"math"
	"net/http"

	"sallyport/internal/requestid"
	"sallyport/internal/weberr"
)

// kubeStatus is metav1.Status, as far as an error needs it: kubectl shows reason
// and message, client libraries decide by reason and code.
type kubeStatus struct {
	Kind       string       `json:"kind"`
	APIVersion string       `json:"apiVersion"`
	Metadata   struct{}     `json:"metadata"`
	Status     string       `json:"status"`
	Message    string       `json:"message"`
	Reason     string       `json:"reason,omitempty"`
	Details    *kubeDetails `json:"details,omitempty"`
	Code       int          `json:"code"`
}

type kubeDetails struct {
	UID               string      `json:"uid,omitempty"`
	Causes            []kubeCause `json:"causes,omitempty"`
	RetryAfterSeconds int         `json:"retryAfterSeconds,omitempty"`
}

type kubeCause struct {
	Message string `json:"message"`
}

// errorKubernetes answers as an API server would. The request id stands in the
// message, which is all that kubectl shows.
func (p *Renderer) errorKubernetes(w http.ResponseWriter, r *http.Request, e *weberr.Error) {
	id := clean(requestid.From(r.Context()))
	s := kubeStatus{
		Kind: "Status", APIVersion: "v1", Status: "Failure", Code: e.HTTPStatus(), Reason: kubeReason(e.HTTPStatus()),
		Message: titleOf(e) + ": " + clean(e.Message),
	}
	d := kubeDetails{UID: id, RetryAfterSeconds: int(math.Ceil(e.RetryAfter.Seconds()))}
	for _, line := range e.Details {
		d.Causes = append(d.Causes, kubeCause{clean(line)})
	}
	if to := link(e.LoginURL); to != "" {
		s.Message += " Sign in at " + to
	}
	if id != "" {
		s.Message += " (request id " + id + ")"
	}
	s.Details = &d
	sendJSON(w, r, e.HTTPStatus(), s)
}

// kubeReason is the metav1.StatusReason of an HTTP status, "" where there is none.
func kubeReason(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "BadRequest"
	case http.StatusUnauthorized:
		return "Unauthorized"
	case http.StatusForbidden:
		return "Forbidden"
	case http.StatusNotFound:
		return "NotFound"
	case http.StatusMethodNotAllowed:
		return "MethodNotAllowed"
	case http.StatusRequestEntityTooLarge:
		return "RequestEntityTooLarge"
	case http.StatusTooManyRequests:
		return "TooManyRequests"
	case http.StatusInternalServerError:
		return "InternalError"
	case http.StatusBadGateway, http.StatusServiceUnavailable:
		return "ServiceUnavailable"
	case http.StatusGatewayTimeout:
		return "Timeout"
	}
	return ""
}
