package sandbox

import "net/http"

const openAPIPath = "/openapi/openapi-viewer.json"

func (s *Sandbox) servePage(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
func (s *Sandbox) serveOpenAPI(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }
