package sandbox

import (
	"slices"
	"time"
)

// pages are what something on the way answers in place of the API.
var pages = map[string]struct {
	status int
	html   string
}{
	FaultPage: {200, `<!DOCTYPE html>
<html lang="en"><head><title>Sign in</title></head><body>
<h1>Sign in</h1><p>Your session has expired.</p>
<form method="post" action="/login"><input name="user"><input name="password" type="password"><button>Sign in</button></form>
</body></html>
`},
	FaultGateway404: {404, `<html>
<head><title>404 Not Found</title></head>
<body><center><h1>404 Not Found</h1></center><hr><center>gateway</center></body>
</html>
`},
	FaultWAF403: {403, `<!DOCTYPE html>
<html lang="en"><head><title>Request blocked</title></head><body>
<h1>Request blocked</h1><p>The request was rejected by a security rule. Support ID: 1837465.</p>
</body></html>
`},
	FaultMaintenance503: {503, `<!DOCTYPE html>
<html lang="en"><head><title>Maintenance</title></head><body>
<h1>We will be back soon</h1><p>The service is being maintained.</p>
</body></html>
`},
}

// spoil is the answer that the client gets in place of the one of the operation,
// and the fault that befell it; nil where none did. Where the fault closes the
// connection, the answer is the one that is lost.
func (s *Sandbox) spoil(c *call, a answer, fault *Fault) (answer, *Fault) {
	if fault == nil {
		return s.shorten(a)
	}
	switch fault.Kind {
	case FaultStatus:
		// Retry-After says that it was not processed.
		return failure(&problem{code: fault.Code, detail: "injected by the sandbox", retryAfter: time.Second}), fault
	case FaultStatusAfter:
		return failure(&problem{code: fault.Code, detail: "injected by the sandbox"}), fault
	case FaultPage, FaultGateway404, FaultWAF403, FaultMaintenance503:
		p := pages[fault.Kind]
		return answer{status: p.status, html: p.html}, fault
	case FaultMixedCache:
		s.mu.Lock()
		defer s.mu.Unlock()
		if other := s.store.Other(c.id, c.at); other != nil && a.status == 200 {
			return s.profileAnswer(200, other), fault
		}
		return a, nil
	}
	return a, fault
}

// shorten ends a list before its total, where the sandbox is to do that: the
// pages behind the first lose their last item, and say that they are the last.
func (s *Sandbox) shorten(a answer) (answer, *Fault) {
	i := slices.IndexFunc(s.options.Faults, func(f Fault) bool { return f.Kind == FaultShortList })
	if i < 0 || a.list == nil || a.list.previous == "" {
		return a, nil
	}
	short := *a.list
	short.items, short.next = short.items[:len(short.items)-1], ""
	a.list = &short
	return a, &s.options.Faults[i]
}
