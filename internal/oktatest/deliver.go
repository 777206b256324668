package oktatest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"
)

// hookTimeout is how long Okta waits for a receiver.
const hookTimeout = 3 * time.Second

// hookEventBody is an event as hooks get it: the addresses stand with the client.
type hookEventBody struct {
	eventBody
	Client   hookClientBody `json:"client"`
	Device   *struct{}      `json:"device"`
	Inserted *string        `json:"insertionTimestamp"`
}

type hookClientBody struct {
	clientBody
	Chain []addressBody `json:"ipChain"`
}

// deliver makes the deliveries until the org closes.
func (k *Okta) deliver(ctx context.Context) {
	for {
		p, ok := k.hooks.next()
		if !ok {
			return
		}
		k.hooks.note(k.deliverOne(ctx, p))
	}
}

// deliverOne posts an event, and once more where that failed for the receiver's
// fault (5xx) or for no answer; a refusal (4xx) stands.
func (k *Okta) deliverOne(ctx context.Context, p pending) Delivery {
	d := Delivery{Hook: p.hook.id, Event: p.event.UUID, Type: p.event.Type}
	body := must(json.Marshal(k.deliveryBody(p)))
	for d.Attempts < 2 {
		d.Attempts++
		d.Status, d.Err = p.hook.post(ctx, body)
		if d.Err == nil && d.Status < http.StatusInternalServerError {
			break
		}
	}
	return d
}

func (k *Okta) deliveryBody(p pending) map[string]any {
	e := hookEventBody{eventBody: k.eventBody(p.event)}
	e.Client = hookClientBody{e.eventBody.Client, e.Request.Chain}
	e.Request = nil
	return map[string]any{
		"eventType": "com.okta.event_hook", "eventTypeVersion": "1.0", "cloudEventsVersion": "0.1",
		"source": k.url + "/api/v1/eventHooks/" + p.hook.id, "eventId": p.event.UUID,
		"data":      map[string]any{"events": []hookEventBody{e}},
		"eventTime": k.clock.now().UTC().Format(eventTime), "contentType": "application/json",
	}
}

func (h *eventHook) post(ctx context.Context, body []byte) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	h.sign(r)
	resp, err := h.Client.Do(r)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, maxForm))
	return resp.StatusCode, err
}

func (h *eventHook) sign(r *http.Request) {
	for name, value := range h.Headers {
		r.Header.Set(name, value)
	}
	if h.Authorization != "" {
		r.Header.Set("Authorization", h.Authorization)
	}
}

// VerifyEventHook asks the receiver of a hook whether it is one, as Okta does
// once: the answer must be 200 with the challenge. The error says what was wrong.
func (k *Okta) VerifyEventHook(ctx context.Context, id string) error {
	k.hooks.mu.Lock()
	at := slices.IndexFunc(k.hooks.all, func(h *eventHook) bool { return h.id == id })
	if at < 0 {
		k.hooks.mu.Unlock()
		return fmt.Errorf("no event hook with id %q", id)
	}
	h := k.hooks.all[at]
	k.hooks.mu.Unlock()
	if err := h.challenge(ctx); err != nil {
		return fmt.Errorf("verify event hook %q: %w", h.Name, err)
	}
	k.hooks.mu.Lock()
	defer k.hooks.mu.Unlock()
	h.verified = true
	return nil
}

func (h *eventHook) challenge(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.URL, nil)
	if err != nil {
		return err
	}
	challenge := secret(16)
	h.sign(r)
	r.Header.Set("X-Okta-Verification-Challenge", challenge)
	resp, err := h.Client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var answer struct {
		Verification string `json:"verification"`
	}
	err = json.NewDecoder(io.LimitReader(resp.Body, maxForm)).Decode(&answer)
	switch {
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("got status %d, want 200", resp.StatusCode)
	case err != nil:
		return fmt.Errorf("got no JSON: %w", err)
	case answer.Verification != challenge:
		return fmt.Errorf("got another verification than the challenge")
	}
	return nil
}

// listEventHooks lists the hooks, without the secret.
func (k *Okta) listEventHooks(w http.ResponseWriter, r *http.Request) {
	if !permitted(w, r) {
		return
	}
	k.hooks.mu.Lock()
	bodies := []map[string]any{}
	for _, h := range k.hooks.all {
		bodies = append(bodies, k.hookBody(h))
	}
	k.hooks.mu.Unlock()
	writeJSON(w, http.StatusOK, bodies)
}

func (k *Okta) hookBody(h *eventHook) map[string]any {
	self := k.url + "/api/v1/eventHooks/" + h.id
	post := map[string]any{"allow": []string{http.MethodPost}}
	headers := []map[string]string{}
	for name, value := range h.Headers {
		headers = append(headers, map[string]string{"key": name, "value": value})
	}
	verification := "UNVERIFIED"
	if h.verified {
		verification = "VERIFIED"
	}
	return map[string]any{
		"id": h.id, "status": "ACTIVE", "verificationStatus": verification, "name": h.Name, "created": stamp(h.created),
		"createdBy": h.creator, "lastUpdated": stamp(h.created),
		"events": map[string]any{"type": "EVENT_TYPE", "items": list(h.Events)},
		"channel": map[string]any{"type": "HTTP", "version": "1.0.0", "config": map[string]any{
			"uri": h.URL, "headers": headers, "method": http.MethodPost,
			"authScheme": map[string]string{"type": "HEADER", "key": "Authorization"},
		}},
		"_links": map[string]any{
			"self": link{Href: self}, "verify": map[string]any{"href": self + "/lifecycle/verify", "hints": post},
			"deactivate": map[string]any{"href": self + "/lifecycle/deactivate", "hints": post},
		},
	}
}
