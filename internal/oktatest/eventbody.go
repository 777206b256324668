package oktatest

// eventBody is an event as the System Log shows it.
type eventBody struct {
	Actor          entityBody     `json:"actor"`
	Authentication map[string]any `json:"authenticationContext"`
	Client         clientBody     `json:"client"`
	Debug          map[string]any `json:"debugContext"`
	Message        string         `json:"displayMessage"`
	Type           string         `json:"eventType"`
	Legacy         *string        `json:"legacyEventType"`
	Outcome        outcomeBody    `json:"outcome"`
	Published      string         `json:"published"`
	Request        *requestBody   `json:"request,omitempty"`
	Security       map[string]any `json:"securityContext"`
	Severity       string         `json:"severity"`
	Target         []entityBody   `json:"target"`
	Transaction    map[string]any `json:"transaction"`
	UUID           string         `json:"uuid"`
	Version        string         `json:"version"`
}

type entityBody struct {
	ID          *string   `json:"id"`
	Type        *string   `json:"type"`
	AlternateID *string   `json:"alternateId"`
	DisplayName *string   `json:"displayName"`
	Detail      *struct{} `json:"detailEntry"`
}

type clientBody struct {
	UserAgent *userAgentBody `json:"userAgent"`
	Zone      *string        `json:"zone"`
	Device    *string        `json:"device"`
	ID        *string        `json:"id"`
	Address   *string        `json:"ipAddress"`
	Place     *placeBody     `json:"geographicalContext"`
}

type userAgentBody struct {
	Raw     string `json:"rawUserAgent"`
	System  string `json:"os"`
	Browser string `json:"browser"`
}

type placeBody struct {
	City       string             `json:"city"`
	State      string             `json:"state"`
	Country    string             `json:"country"`
	PostalCode string             `json:"postalCode"`
	Location   map[string]float64 `json:"geolocation"`
}

type outcomeBody struct {
	Result string  `json:"result"`
	Reason *string `json:"reason"`
}

type requestBody struct {
	Chain []addressBody `json:"ipChain"`
}

type addressBody struct {
	Address string     `json:"ip"`
	Place   *placeBody `json:"geographicalContext"`
	Version string     `json:"version"`
	Source  *string    `json:"source"`
}

// eventTime has milliseconds that count, unlike the API's other timestamps.
const eventTime = "2006-01-02T15:04:05.000Z"

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func (e Entity) body() entityBody {
	return entityBody{nullable(e.ID), nullable(e.Type), nullable(e.AlternateID), nullable(e.DisplayName), nil}
}

// eventBody shows an event. One that a task of Okta's wrote has no client and
// no request.
func (k *Okta) eventBody(e Event) eventBody {
	b := eventBody{
		Actor: e.Actor.body(), Message: e.Message, Type: e.Type, Legacy: nullable(kinds[e.Type].legacy),
		Outcome: outcomeBody{e.Outcome, nullable(e.Reason)}, Published: e.Published.UTC().Format(eventTime),
		Severity: e.Severity, UUID: e.UUID, Version: "0", Request: &requestBody{Chain: []addressBody{}},
		Authentication: map[string]any{
			"authenticationProvider": nil, "authenticationStep": 0, "credentialProvider": nil, "credentialType": nil,
			"interface": nil, "issuer": nil, "externalSessionId": "trs" + e.UUID[:8],
		},
		Security:    map[string]any{"asNumber": nil, "asOrg": nil, "domain": nil, "isProxy": nil, "isp": nil},
		Debug:       map[string]any{"debugData": map[string]string{}},
		Transaction: map[string]any{"id": e.UUID[:8], "type": "JOB", "detail": map[string]any{}},
	}
	for _, t := range e.Targets {
		b.Target = append(b.Target, t.body())
	}
	if !e.Job {
		b.addRequest(e)
	}
	return b
}

// addRequest adds what an event has that a request led to.
func (b *eventBody) addRequest(e Event) {
	where := &placeBody{"Boardman", "Oregon", "United States", "97818", map[string]float64{"lat": 45.8491, "lon": -119.7143}}
	null, unknown, address := "null", "Unknown", "198.51.100.1"
	b.Client = clientBody{
		UserAgent: &userAgentBody{"okta-admin-console", "Unknown", "UNKNOWN"}, Zone: &null, Device: &unknown,
		Address: &address, Place: where,
	}
	b.Request.Chain = append(b.Request.Chain, addressBody{address, where, "V4", nil})
	b.Transaction["type"] = "WEB"
	uri := or(e.uri, "/api/v1")
	b.Debug["debugData"] = map[string]string{
		"requestId": e.UUID[:8], "requestUri": uri, "threatSuspected": "false", "url": uri + "?",
	}
}

// field is a field of an event in filters.
func (e Event) field(name string) []any {
	switch name {
	case "eventType":
		return []any{e.Type}
	case "legacyEventType":
		return []any{kinds[e.Type].legacy}
	case "uuid":
		return []any{e.UUID}
	case "displayMessage":
		return []any{e.Message}
	case "severity":
		return []any{e.Severity}
	case "version":
		return []any{"0"}
	case "outcome.result":
		return []any{e.Outcome}
	case "outcome.reason":
		return []any{e.Reason}
	case "transaction.type":
		return []any{map[bool]string{false: "WEB", true: "JOB"}[e.Job]}
	}
	if v, ok := e.Actor.field(name, "actor."); ok {
		return []any{v}
	}
	var all []any
	for _, t := range e.Targets {
		if v, ok := t.field(name, "target."); ok {
			all = append(all, v)
		}
	}
	return all
}

func (e Entity) field(name, prefix string) (string, bool) {
	switch name {
	case prefix + "id":
		return e.ID, true
	case prefix + "type":
		return e.Type, true
	case prefix + "alternateId":
		return e.AlternateID, true
	case prefix + "displayName":
		return e.DisplayName, true
	}
	return "", false
}
