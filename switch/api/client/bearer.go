package client

import (
	"context"
	"net/http"
)

// Bearer authenticates each request with the token.
func Bearer(token string) RequestEditorFn {
	header := "Bearer " + token
	return func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", header)
		return nil
	}
}
