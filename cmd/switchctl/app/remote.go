package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"wxswitch/cmd/internal/config"
	"wxswitch/switch/api/client"
)

const defaultTimeout = 30 * time.Second

// remote is the running switch.
type remote struct {
	url, tokenFile string
	timeout        time.Duration
	json           bool
}

// usage refuses what no switch could answer, and a wait without an end.
func (r *remote) usage() error {
	switch {
	case !config.IsURL(r.url):
		return &failure{exitUsage, errors.New("--url, or WXSWITCH_URL: must be http://host or https://host")}
	case r.timeout <= 0:
		return &failure{exitUsage, errors.New("--timeout: must be more than 0")}
	}
	return nil
}

// client returns a client of the switch's API.
func (r *remote) client() (*client.Client, error) {
	if err := r.usage(); err != nil {
		return nil, err
	}
	options := []client.ClientOption{client.WithHTTPClient(&http.Client{Timeout: r.timeout})}
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	if token != "" {
		options = append(options, client.WithRequestEditorFn(client.Bearer(token)))
	}
	return client.NewClient(r.url, options...)
}

// token returns the client's token, empty for none.
func (r *remote) token() (string, error) {
	if r.tokenFile == "" {
		return os.Getenv("WXSWITCH_TOKEN"), nil
	}
	token, err := config.Token(r.tokenFile)
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return token, nil
}

// call asks the switch one thing; a problem is an error. T is the type of an
// answer that is none.
func call[T any](r *remote, ask func(*client.Client) (*http.Response, error)) (answer T, err error) {
	c, err := r.client()
	if err != nil {
		return answer, err
	}
	got, err := ask(c)
	if err != nil {
		return answer, &failure{exitNoAnswer, fmt.Errorf("no answer: %w", err)}
	}
	body, err := io.ReadAll(got.Body)
	switch err = errors.Join(err, got.Body.Close()); {
	case err != nil:
		return answer, &failure{exitNoAnswer, fmt.Errorf("no answer: %w", err)}
	case got.StatusCode != http.StatusOK:
		return answer, problemOf(got.StatusCode, body)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, &failure{exitNoAnswer, fmt.Errorf("%s is not a switch: its answer cannot be read", r.url)}
	}
	return answer, nil
}

func problemOf(status int, body []byte) error {
	var p client.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Code == "" {
		return &failure{exitNoAnswer, fmt.Errorf("not a switch's answer: HTTP status %d", status)}
	}
	return fmt.Errorf("%s: %s", p.Code, p.Detail)
}

// show prints v as JSON where that is asked for, and else as rows do.
func (r *remote) show(cmd *cobra.Command, v any, rows func(w io.Writer)) error {
	if r.json {
		return printJSON(cmd.OutOrStdout(), v)
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	rows(w)
	return w.Flush()
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// row prints cells of a table; an empty one as -. What others wrote cannot steer
// the terminal.
func row(w io.Writer, cells ...any) {
	for i, c := range cells {
		text := strings.Map(legible, fmt.Sprint(c))
		if text == "" {
			text = "-"
		}
		if i > 0 {
			text = "\t" + text
		}
		_, _ = io.WriteString(w, text) // told by Flush
	}
	_, _ = io.WriteString(w, "\n")
}

func legible(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}
