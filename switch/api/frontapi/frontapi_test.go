package frontapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"wxswitch/switch/api/frontapi"
)

// The description is valid, and so is each example in it.
func TestDescription(t *testing.T) {
	d, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Validate(t.Context(), openapi3.EnableExamplesValidation()); err != nil {
		t.Error(err)
	}
}

type front struct{}

func (front) SendNotice(_ context.Context, r frontapi.SendNoticeRequestObject) (frontapi.SendNoticeResponseObject, error) {
	if r.Body.Subject == "gone" {
		return frontapi.SendNotice410ApplicationProblemPlusJSONResponse{Title: "gone", Status: 410, Code: "unfollowed"}, nil
	}
	return frontapi.SendNotice200JSONResponse{Id: r.Body.Id}, nil
}

// The generated client and the generated server understand one another.
func TestClientAndServer(t *testing.T) {
	s := httptest.NewServer(frontapi.Handler(frontapi.NewStrictHandler(front{}, nil)))
	defer s.Close()
	c, err := frontapi.NewClientWithResponses(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for subject, want := range map[string]int{"anna": http.StatusOK, "gone": http.StatusGone} {
		r, err := c.SendNoticeWithResponse(t.Context(), frontapi.Notice{Id: "i", Round: 1, Channel: "wechat", Subject: subject, Kind: "movement", Text: "x"})
		if err != nil || r.StatusCode() != want {
			t.Error(subject, r.StatusCode(), err)
		}
		if want == http.StatusOK && (r.JSON200 == nil || r.JSON200.Id != "i") {
			t.Error(subject, r.JSON200)
		}
		if want == http.StatusGone && (r.ApplicationproblemJSON410 == nil || r.ApplicationproblemJSON410.Code != "unfollowed") {
			t.Error(subject, r.ApplicationproblemJSON410)
		}
	}
}
