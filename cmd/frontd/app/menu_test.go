package app

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"wxswitch/cmd/frontd/internal/menu"
)

// Whoever looks at two menus of a dozen lines need not compare them by eye.
func TestShowMenuSaysWhetherTheTwoAreTheSame(t *testing.T) {
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer := `{"access_token":"t","expires_in":7200}`
		if r.URL.Path == "/cgi-bin/menu/get" {
			answer = `{"menu":{"button":[{"type":"click","name":"热线","key":"hotline","sub_button":[]}]}}`
		}
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(platform.Close)
	for name, want := range map[string]string{
		"热线": "the two are the same", "客服": "the two differ: `frontd menu apply` puts the configured one into force",
	} {
		c := Config{
			Public: "https://wx.example.cn", Account: Account{ID: "gh_1", AppID: "wx1"}, Platform: Platform{API: platform.URL},
			Menu: []menu.Column{{Name: name, Items: []menu.Item{{Name: name, Answer: "hotline"}}}},
		}
		c.SetSecrets(Secrets{App: "secret"})
		var said []string
		if err := ShowMenu(t.Context(), c, func(s string) { said = append(said, s) }); err != nil {
			t.Fatal(err)
		}
		if last := said[len(said)-1]; last != want {
			t.Errorf("%s: %s", name, strings.Join(said, "\n"))
		}
	}
}
