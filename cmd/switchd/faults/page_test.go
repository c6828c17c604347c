package faults

import (
	"io"
	"net/http"
)

// page reads one of the operators' pages.
func (h *house) page(path string) []byte {
	h.t.Helper()
	h.mu.Lock()
	at := h.at.Ops
	h.mu.Unlock()
	r, err := h.http.Get("http://" + at + path) //nolint:noctx // the client has a limit
	must(h.t, err)
	defer r.Body.Close() //nolint:errcheck // read
	if r.StatusCode != http.StatusOK {
		h.t.Fatalf("%s: status %d", path, r.StatusCode)
	}
	body, err := io.ReadAll(r.Body)
	must(h.t, err)
	return body
}
