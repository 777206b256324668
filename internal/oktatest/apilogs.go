package oktatest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	logAssumed   = 100
	logMost      = 1000
	logSince     = 7 * 24 * time.Hour   // assumed before until
	logRetention = 90 * 24 * time.Hour  // older events are gone
	logEarliest  = 180 * 24 * time.Hour // earlier questions are refused
	maxKeyword   = 40
)

// logQuery is a question to the System Log. A polling one (no until, ascending)
// is answered in the order of persistence and never ends; a bounded one in that
// of publication.
type logQuery struct {
	polling      bool
	after        place // polling: where the last answer ended
	offset       int   // bounded: how many are behind
	since, until time.Time
	limit        int
	descending   bool
	keep         filter
	words        []string
}

// readLogs reads the parameters, of which after and since exclude each other.
func (k *Okta) readLogs(r *http.Request) (logQuery, error) {
	query := r.URL.Query()
	q := logQuery{limit: logAssumed, descending: query.Get("sortOrder") == "DESCENDING"}
	q.polling = !query.Has("until") && !q.descending
	for name := range query {
		if !slices.Contains([]string{"since", "until", "after", "filter", "q", "limit", "sortOrder"}, name) {
			return q, errValidation(name, "not known to the stand-in")
		}
	}
	if asked := query.Get("limit"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 0 || n > logMost {
			return q, errValidation("limit", fmt.Sprintf("The value %q is not a number between 0 and %d.", asked, logMost))
		}
		q.limit = n
	}
	if err := q.readFilter(query.Get("filter"), query.Get("q")); err != nil {
		return q, err
	}
	if query.Has("after") && query.Has("since") {
		return q, errLog("Invalid parameter: The since and after parameters are mutually exclusive.")
	}
	if query.Has("after") {
		return q, q.readCursor(query.Get("after"))
	}
	return q, q.readBounds(query.Get("since"), query.Get("until"), k.clock.now())
}

func (q *logQuery) readFilter(filter, words string) (err error) {
	if filter != "" {
		if q.keep, err = logFilter.parseFilter(filter); err != nil {
			return err
		}
	}
	q.words = strings.Fields(strings.ToLower(words))
	for _, w := range q.words {
		if len(w) > maxKeyword {
			e := errValidation("'q'", "")
			e.Summary += ": Freeform search cannot contain items longer than 40 characters. Please shorten the items in your search or use an advanced filter to query by specific fields."
			e.Causes = []apiCause{}
			return e
		}
	}
	return nil
}

func (q *logQuery) readBounds(since, until string, now time.Time) (err error) {
	q.until = now.Add(time.Nanosecond) // what is published now is in
	if until != "" {
		if q.until, err = parseLogTime("until", until); err != nil {
			return err
		}
	}
	q.since = q.until.Add(-logSince)
	if since != "" {
		if q.since, err = parseLogTime("since", since); err != nil {
			return err
		}
	}
	if q.since.Before(now.Add(-logEarliest)) {
		return errLog("Invalid parameter: The since parameter is over 180 days prior to the current day.")
	}
	q.after = place{persisted: q.since} // numbers begin with 1
	return nil
}

func parseLogTime(name, value string) (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, value)
	if err != nil {
		const format, valid = "The date format in your query is not recognized. Please enter dates using ISO8601 string format.", "must be a valid date-time or empty."
		e := newAPIError(http.StatusBadRequest, "E0000001", fmt.Sprintf("Api validation failed: '%s': %s '%s': %s", name, format, name, valid))
		e.Causes = append(e.Causes, apiCause{name + ": " + format}, apiCause{name + ": " + valid})
		return at, e
	}
	return at, nil
}

// cursor is where to go on: opaque, and whole, so that the next link needs no
// since.
func (q *logQuery) cursor() string {
	text := fmt.Sprintf("p %d %d", q.after.persisted.UnixNano(), q.after.seq)
	if !q.polling {
		text = fmt.Sprintf("b %d %d %d", q.since.UnixNano(), q.until.UnixNano(), q.offset)
	}
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

func (q *logQuery) readCursor(text string) error {
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	var a, b, c int64
	if n, _ := fmt.Sscanf(string(raw), "p %d %d", &a, &b); n == 2 {
		q.polling, q.after = true, place{time.Unix(0, a), int(b)}
		return nil
	}
	if n, _ := fmt.Sscanf(string(raw), "b %d %d %d", &a, &b, &c); n == 3 {
		q.polling, q.since, q.until, q.offset = false, time.Unix(0, a), time.Unix(0, b), int(c)
		return nil
	}
	return errLog("Invalid parameter: The after parameter is not valid.")
}

// listLogs answers questions to the System Log.
func (k *Okta) listLogs(w http.ResponseWriter, r *http.Request) {
	q, err := k.readLogs(r)
	if err != nil {
		writeAPI(w, err)
		return
	}
	if role := roleOf(r); role == NoRole || role == GroupAdmin {
		errForbidden.write(w)
		return
	}
	find := k.bounded
	if q.polling {
		find = k.poll
	}
	found, more := find(&q)
	self := r.URL.Query()
	self.Set("limit", strconv.Itoa(q.limit))
	w.Header().Add("Link", k.linkTo(r, self, "self"))
	if more {
		self.Del("since")
		self.Set("after", q.cursor())
		w.Header().Add("Link", k.linkTo(r, self, "next"))
	}
	bodies := []eventBody{}
	for _, e := range found {
		bodies = append(bodies, k.eventBody(e))
	}
	writeJSON(w, http.StatusOK, bodies)
}

// poll finds what was persisted since. There is always a next link, also after
// nothing.
func (k *Okta) poll(q *logQuery) (found []Event, more bool) {
	oldest := k.clock.now().Add(-logRetention)
	k.org.log.scan(q.after, func(e Event) bool {
		if len(found) == q.limit {
			return false
		}
		q.after = place{e.persisted, e.seq}
		if q.keeps(e) && e.Published.After(oldest) {
			found = append(found, e)
		}
		return true
	})
	return found, true
}

// bounded finds what was published between two times, as far as it is persisted
// by now.
func (k *Okta) bounded(q *logQuery) (found []Event, more bool) {
	oldest := k.clock.now().Add(-logRetention)
	var all []Event
	k.org.log.scan(place{}, func(e Event) bool {
		if !e.Published.Before(q.since) && e.Published.Before(q.until) && e.Published.After(oldest) && q.keeps(e) {
			all = append(all, e)
		}
		return true
	})
	slices.SortStableFunc(all, func(a, b Event) int { return a.Published.Compare(b.Published) })
	if q.descending {
		slices.Reverse(all)
	}
	all = all[min(q.offset, len(all)):]
	found = all[:min(q.limit, len(all))]
	q.offset += len(found)
	return found, len(all) > len(found)
}

func (q *logQuery) keeps(e Event) bool {
	if q.keep != nil && !q.keep(e.field) {
		return false
	}
	text := strings.ToLower(strings.Join([]string{e.Type, e.Message, e.Actor.AlternateID, e.Actor.DisplayName}, " "))
	for _, t := range e.Targets {
		text += strings.ToLower(" " + t.ID + " " + t.AlternateID + " " + t.DisplayName)
	}
	return !slices.ContainsFunc(q.words, func(w string) bool { return !strings.Contains(text, w) })
}
