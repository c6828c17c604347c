package world

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// MetricsPage is what a program's operators' page says at the moment.
func MetricsPage(ctx context.Context, ops string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+ops+"/metrics", http.NoBody)
	if err != nil {
		return "", err
	}
	r.Close = true // leaves nothing behind
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	page, err := io.ReadAll(a.Body)
	return string(page), errors.Join(err, a.Body.Close())
}
