package wechat

import (
	"errors"
	"net/http"
	"strconv"
	"time"

	"wxswitch/cmd/frontd/internal/written"
	"wxswitch/switch/api/frontapi"
)

// answer is what the switch hears; openapi.yaml says what each makes it do.
func (n *Notices) answer(id string, e end) frontapi.SendNoticeResponseObject {
	code := codeOf(e.err)
	switch e.action {
	case None:
		return frontapi.SendNotice200JSONResponse{Id: id}
	case Gone:
		return frontapi.SendNotice410ApplicationProblemPlusJSONResponse{Title: "the follower is gone", Status: http.StatusGone, Code: code}
	case Never:
		return never(code, "")
	case waiting:
		return frontapi.SendNotice429ApplicationProblemPlusJSONResponse{
			Body:    frontapi.Problem{Title: "it is being told", Status: http.StatusTooManyRequests, Code: "in-progress"},
			Headers: frontapi.SendNotice429ResponseHeaders{RetryAfter: strconv.Itoa(seconds(claimLife) / 2)},
		}
	case Tomorrow:
		return shut(code, untilTomorrow(n.Now()))
	case Soon:
		return shut(code, time.Minute)
	default:
		return frontapi.SendNoticedefaultApplicationProblemPlusJSONResponse{
			Body:       frontapi.Problem{Title: "not accepted", Status: http.StatusBadGateway, Code: code},
			StatusCode: http.StatusBadGateway,
		}
	}
}

func never(code, detail string) frontapi.SendNoticeResponseObject {
	return frontapi.SendNotice422ApplicationProblemPlusJSONResponse{Title: "it cannot be told", Status: http.StatusUnprocessableEntity, Code: code, Detail: detail}
}

func shut(code string, wait time.Duration) frontapi.SendNoticeResponseObject {
	return frontapi.SendNotice503ApplicationProblemPlusJSONResponse{
		Body:    frontapi.Problem{Title: "nothing more for now", Status: http.StatusServiceUnavailable, Code: code},
		Headers: frontapi.SendNotice503ResponseHeaders{RetryAfter: strconv.Itoa(seconds(wait))},
	}
}

// grace is after midnight: until then the platform may still count by the day
// before, and a clock that is a little early, or an answer that comes a moment after
// midnight, does not cost another day.
const grace = 5 * time.Minute

// untilTomorrow is until quotas are new: the next day in Shanghai, and grace.
func untilTomorrow(now time.Time) time.Duration {
	year, month, day := now.Add(-grace).In(written.Shanghai).Date()
	return time.Date(year, month, day+1, 0, 0, 0, 0, written.Shanghai).Add(grace).Sub(now)
}

// codeOf names an error in the words of a problem's code.
func codeOf(err error) string {
	var e *Error
	var f *FieldError
	var u *Unanswered
	switch {
	case errors.As(err, &e) && e.Code < 0:
		return "errcode-minus-" + strconv.Itoa(-e.Code)
	case errors.As(err, &e):
		return "errcode-" + strconv.Itoa(e.Code)
	case errors.As(err, &f):
		return "field"
	case errors.As(err, &u):
		return "no-answer"
	}
	return "not-told"
}
