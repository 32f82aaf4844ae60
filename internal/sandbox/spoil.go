package sandbox

import "time"

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

// spoil is the answer that the client gets in place of the one of the operation.
// Where the fault closes the connection, it is the one that is lost.
func (s *Sandbox) spoil(a answer, fault *Fault) answer {
	if fault == nil {
		return a
	}
	switch fault.Kind {
	case FaultStatus:
		// Retry-After says that it was not processed.
		return failure(&problem{code: fault.Code, detail: "injected by the sandbox", retryAfter: time.Second})
	case FaultStatusAfter:
		return failure(&problem{code: fault.Code, detail: "injected by the sandbox"})
	case FaultPage, FaultGateway404, FaultWAF403, FaultMaintenance503:
		p := pages[fault.Kind]
		return answer{status: p.status, html: p.html}
	}
	return a
}
