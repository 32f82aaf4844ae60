// Package origin keeps other people's pages from a server on this machine.
//
// A page of any origin can have its browser ask this machine, and one that has its own
// name resolved to it can read the answers, where the key is no secret. So who asks as a
// page of another origin, or for another host than this machine, is refused. Clients that
// are no browser send no Origin.
package origin

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"

	"importer/internal/names"
)

// Allowed are the origins of pages that are let in besides the server's own, in the form
// of Parse. Who asks for the host of one of them is let in, too.
type Allowed []string

// Parse checks origins, such as http://localhost:3000, and brings them into the form in
// which browsers send them.
func Parse(origins []string) (Allowed, error) {
	var allowed Allowed
	for _, s := range origins {
		u, err := url.Parse(s)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("origin %q: want scheme, host and port of a page, as in http://localhost:3000", s)
		}
		standard := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
		allowed = append(allowed, u.Scheme+"://"+strings.TrimSuffix(strings.ToLower(u.Host), standard))
	}
	return allowed, nil
}

// Admit says to the browser of a request whose page may read the answer that it may, or
// why the request is refused, with which status.
func (a Allowed) Admit(h http.Header, r *http.Request) (status int, why string) {
	h.Add("Vary", "Origin")
	if !a.isOurs(r) {
		return http.StatusMisdirectedRequest, "this server answers as this machine only, by its address or as localhost; importer sandbox --allow-origin http://NAME:PORT lets it answer by another name"
	}
	// A page need not be able to read what it has a browser ask for: pictures and scripts
	// come without Origin. A link that a person follows is no page's doing.
	site := r.Header.Get("Sec-Fetch-Site")
	strange := site != "" && site != "none" && site != "same-origin" && r.Header.Get("Sec-Fetch-Mode") != "navigate"
	switch origins := r.Header.Values("Origin"); {
	case len(origins) == 0 && !strange:
	case len(origins) == 1 && slices.Contains(a, strings.ToLower(origins[0])):
		h.Set("Access-Control-Allow-Origin", origins[0])
	case len(origins) == 1 && r.Host != "" && strings.EqualFold(origins[0], "http://"+r.Host): // the server's own
	default:
		return http.StatusForbidden, "this server answers no page of another origin; importer sandbox --allow-origin ORIGIN lets one in"
	}
	return 0, ""
}

// isOurs tells whether the host that a request asks for is this machine: localhost or a
// loopback address. What came by another address than loopback may have come through a
// forwarded port: then any address is taken, because a name can be made to lead here and
// an address cannot, and the name of this machine.
func (a Allowed) isOurs(r *http.Request) bool {
	host := strings.ToLower(r.Host)
	for _, origin := range a {
		if _, allowed, _ := strings.Cut(origin, "://"); allowed == host {
			return true
		}
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if host == "" || names.IsLoopback(host) { // HTTP/1.0 names no host, and no browser speaks it
		return true
	}
	here, served := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if !served {
		return true // by a program that calls the handler, and no server
	}
	if local, isTCP := here.(*net.TCPAddr); isTCP && local.IP.IsLoopback() {
		return false // the loopback addresses were taken above
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	name, err := os.Hostname()
	return err == nil && strings.EqualFold(name, host)
}
