//go:build !unix

package cognigy

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// isQuiet tells whether an idle connection is open, with nothing to read: a
// server that closed it, or that speaks without being asked, has made it useless.
// Without a way to look into a socket it waits for a moment for a byte.
func isQuiet(c net.Conn) bool {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return false
	}
	n, err := c.Read(make([]byte, 1))
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}
