package wechat

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	wxmenu "github.com/silenceper/wechat/v2/officialaccount/menu"

	"wxswitch/cmd/frontd/internal/menu"
)

// SetMenu makes this the account's menu. Phones show it within 5 minutes, or when
// the account is followed anew. Errors: *Error, *Unanswered.
func (w *WeChat) SetMenu(ctx context.Context, columns []menu.Column) error {
	// Not Menu.SetMenu: it takes no context.
	body := struct {
		Button []*wxmenu.Button `json:"button"`
	}{}
	for _, c := range columns {
		items := make([]*wxmenu.Button, 0, len(c.Items))
		for _, i := range c.Items {
			items = append(items, w.button(i))
		}
		body.Button = append(body.Button, wxmenu.NewSubButton(c.Name, items))
	}
	return w.post(ctx, callSetMenu, urlSetMenu, body, acknowledged)
}

func (w *WeChat) button(i menu.Item) *wxmenu.Button {
	switch {
	case i.Answer != "":
		return wxmenu.NewClickButton(i.Name, i.Answer)
	case i.Page != "":
		return wxmenu.NewViewButton(i.Name, w.public+i.Page)
	}
	return wxmenu.NewViewButton(i.Name, i.URL)
}

// Menu returns the account's menu as it was set by the API; empty where there is
// none. A button of the bar that is no column comes as a column of one item. Errors:
// *Error, *Unanswered.
func (w *WeChat) Menu(ctx context.Context) ([]menu.Column, error) {
	var a struct {
		Menu *struct {
			Button []wxmenu.Button `json:"button"`
		} `json:"menu"`
	}
	err := w.get(ctx, callMenu, urlMenu, nil, func(body []byte) bool {
		return json.Unmarshal(body, &a) == nil && a.Menu != nil
	})
	if e := (*Error)(nil); errors.As(err, &e) && e.Code == codeNoMenu {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var columns []menu.Column
	for _, b := range a.Menu.Button {
		c := menu.Column{Name: b.Name}
		for _, sub := range b.SubButtons {
			c.Items = append(c.Items, w.item(sub))
		}
		if len(b.SubButtons) == 0 {
			c.Items = append(c.Items, w.item(&b))
		}
		columns = append(columns, c)
	}
	return columns, nil
}

func (w *WeChat) item(b *wxmenu.Button) menu.Item {
	path, ours := strings.CutPrefix(b.URL, w.public)
	switch {
	case b.URL == "":
		return menu.Item{Name: b.Name, Answer: b.Key}
	case ours && strings.HasPrefix(path, "/h5/"):
		return menu.Item{Name: b.Name, Page: path}
	}
	return menu.Item{Name: b.Name, URL: b.URL}
}
