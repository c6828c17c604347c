package desk

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"wxswitch/switch/api/client"
)

// Refusal is a problem that the switch answered: nothing was done, or it says
// otherwise.
type Refusal struct{ client.Problem }

func (r *Refusal) Error() string { return "the switch answers " + r.Code }

// ErrStrange says that the switch answered what its API does not have.
var ErrStrange = errors.New("the switch answers what is not in its API")

// maxAnswer is far above any answer of the switch, in bytes.
const maxAnswer = 1 << 20

// Ask reads an answer: a T, or a problem, which is a *Refusal. Errors: that,
// ErrStrange, and err, where there is no answer.
func Ask[T any](r *http.Response, err error) (T, error) {
	var answer T
	if err != nil {
		return answer, err
	}
	defer r.Body.Close() //nolint:errcheck // read
	d := json.NewDecoder(io.LimitReader(r.Body, maxAnswer))
	if r.StatusCode == http.StatusOK {
		if err := d.Decode(&answer); err != nil {
			return answer, ErrStrange
		}
		return answer, nil
	}
	var p client.Problem
	// What stands between may answer with problems of its own, which say nothing of
	// what the switch did.
	if d.Decode(&p) != nil || p.Code == "" || p.Status != r.StatusCode || !p.Retry.Valid() {
		return answer, ErrStrange
	}
	return answer, &Refusal{p}
}

// Refused returns the switch's problem, if err is one.
func Refused(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}

const againTime = time.Second / 5 // before the switch is told again

// Insist tells the switch until it has heard or ctx is done, and returns why it has
// not.
func Insist(ctx context.Context, tell func(context.Context) error) error {
	for {
		err := tell(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(againTime):
		case <-ctx.Done():
			return err
		}
	}
}
