package authenticate

import (
	"crypto/sha256"
	"encoding/binary"
	"sync"
	"time"

	"sallyport/idp"
	"sallyport/session"
)

const (
	// assumedLife is an access token's where the provider does not say.
	assumedLife = time.Hour
	// earliest and latest are the part of its life in which a token is renewed.
	earliest, latest = 0.60, 0.90
)

func expiryOf(ss *session.Session) time.Time {
	if ss.Tokens.AccessExpires.IsZero() {
		return ss.Refreshed.Add(assumedLife)
	}
	return ss.Tokens.AccessExpires
}

// pointOf returns the moment at which a part of the access token's life is over.
func pointOf(ss *session.Session, part float64) time.Time {
	life := max(expiryOf(ss).Sub(ss.Refreshed), 0)
	return ss.Refreshed.Add(time.Duration(part * float64(life)))
}

// overdue reports whether every Refresher would have renewed the session by now,
// had it been used.
func overdue(ss *session.Session, now time.Time) bool {
	return ss.Tokens.Refresh != "" && !now.Before(pointOf(ss, latest))
}

// isDue reports whether the session's own point has come. The point is drawn
// from the session, its last refresh and this process's seed, so that it need
// not be remembered.
func (f *Refresher) isDue(ss *session.Session, now time.Time) bool {
	if ss.Tokens.Refresh == "" || now.Before(pointOf(ss, earliest)) {
		return false
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], f.seed)
	binary.BigEndian.PutUint64(b[8:], uint64(ss.Refreshed.UnixNano()))
	sum := sha256.Sum256(append(b[:], ss.ID...))
	part := float64(binary.BigEndian.Uint64(sum[:])>>11) / (1 << 53)
	return !now.Before(pointOf(ss, earliest+(latest-earliest)*part))
}

const (
	firstRest = 5 * time.Second
	maxRest   = 5 * time.Minute
)

// pause is how long a session is left alone.
type pause struct {
	until time.Time
	times int
}

func (f *Refresher) resting(id string) bool {
	v, ok := f.rest.Load(id)
	return ok && f.o.Now().Before(v.(*pause).until)
}

// leaveAlone backs off from one session: twice as long each time, give or take
// half, and not less than the provider asked for.
func (f *Refresher) leaveAlone(id string, atLeast time.Duration) {
	times := 0
	if v, ok := f.rest.Load(id); ok {
		times = v.(*pause).times + 1
	}
	wait := f.jitter(firstRest << min(times, 8))
	f.rest.Store(id, &pause{until: f.o.Now().Add(max(min(wait, maxRest), min(atLeast, maxRest))), times: times})
}

// jitter returns d give or take half.
func (f *Refresher) jitter(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.5 + f.o.Rand()))
}

func (f *Refresher) forgetRests(now time.Time) {
	f.rest.Range(func(id, v any) bool {
		if now.Sub(v.(*pause).until) > 2*maxRest {
			f.rest.Delete(id)
		}
		return true
	})
}

// pace decides how often each provider may be asked.
type pace struct {
	o  RefreshOptions
	mu sync.Mutex
	by map[string]*course
}

// course is what is known of one provider (one client).
type course struct {
	failingSince time.Time // zero while it works
	nextTry      time.Time
	failures     int
	inFlight     int
	second       time.Time // start of the running second
	inSecond     int
}

// perSecond bounds refreshes where the provider tells no limit.
const perSecond = 20

func newPace(o RefreshOptions) *pace { return &pace{o: o, by: map[string]*course{}} }

func (p *pace) of(client string) *course {
	c := p.by[client]
	if c == nil {
		c = new(course)
		p.by[client] = c
	}
	return c
}

// admit reports whether the provider may be asked now; done must follow if so.
// Half of what its limit leaves belongs to people who are signing in. One that
// fails is asked by one session at a time.
func (p *pace) admit(client string, provider idp.Provider) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, now := p.of(client), p.o.Now()
	if !c.failingSince.IsZero() && (c.inFlight > 0 || now.Before(c.nextTry)) {
		return false
	}
	most := perSecond
	if b, ok := provider.(idp.Budgeted); ok {
		if remaining, limit, reset := b.TokenBudget(); limit > 0 {
			if now.Before(reset) && remaining-c.inFlight <= limit/2 {
				return false
			}
			most = max(limit/2/60, 1)
		}
	}
	if now.Sub(c.second) >= time.Second || now.Before(c.second) {
		c.second, c.inSecond = now, 0
	}
	if c.inSecond >= most {
		return false
	}
	c.inSecond++
	c.inFlight++
	return true
}

func (p *pace) done(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(client).inFlight--
}

func (p *pace) worked(client string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.of(client)
	if !c.failingSince.IsZero() {
		p.o.Logger.Info("idp_available", "client_id", client, "after", p.o.Now().Sub(c.failingSince).String())
	}
	c.failingSince, c.nextTry, c.failures = time.Time{}, time.Time{}, 0
}

// failed slows down to one try at a time, at growing distances of up to 15 s:
// short enough to notice soon that it is back.
func (p *pace) failed(client string, wait time.Duration, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, now := p.of(client), p.o.Now()
	if c.failingSince.IsZero() {
		c.failingSince = now
		p.o.Logger.Warn("idp_unavailable", "client_id", client, "error", err)
	}
	c.failures++
	distance := min(time.Second<<min(c.failures-1, 4), 15*time.Second)
	c.nextTry = now.Add(max(time.Duration(float64(distance)*(0.5+p.o.Rand())), min(wait, maxRest)))
}

// outlived reports whether a session that nobody got round to asking for has
// outlived an outage all the same.
func (p *pace) outlived(ss *session.Session, grace time.Duration, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.by[ss.Subject.ClientID]
	if c == nil || c.failingSince.IsZero() {
		return false
	}
	from := expiryOf(ss)
	if c.failingSince.After(from) {
		from = c.failingSince
	}
	return now.After(from.Add(grace))
}
