package app

import (
	"net/url"
)

// Column is one of the menu's, as the phone shows it: with items, or a button
// by itself.
type Column struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"` // view, click
	URL   string `json:"url,omitempty"`
	Key   string `json:"key,omitempty"`
	Items []Item `json:"items"`
}

// Item is one entry of a column.
type Item struct {
	Name string `json:"name"`
	Type string `json:"type"` // view, click
	URL  string `json:"url,omitempty"`
	Key  string `json:"key,omitempty"`
}

// button is an entry as the platform's API writes it.
type button struct {
	Name string   `json:"name"`
	Type string   `json:"type,omitempty"`
	Key  string   `json:"key,omitempty"`
	URL  string   `json:"url,omitempty"`
	Sub  []button `json:"sub_button"`
}

func (s *Sim) createMenu(c *call) any {
	var m struct {
		Button []button `json:"button"`
	}
	if e := c.read(&m); e != nil {
		return e
	}
	if len(m.Button) < 1 || len(m.Button) > 3 {
		return fail(40016, "invalid button size")
	}
	var columns []Column
	for _, b := range m.Button {
		column, e := b.column()
		if e != nil {
			return e
		}
		columns = append(columns, column)
		c.note(b.Name)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.menu = columns
	s.hub.publish("", refetch)
	return done()
}

func (b button) column() (Column, *failure) {
	switch {
	case b.Name == "" || len(b.Name) > 16:
		return Column{}, fail(40018, "invalid button name size")
	case len(b.Sub) > 5:
		return Column{}, fail(40023, "invalid sub button size")
	}
	column := Column{Name: b.Name, Items: []Item{}}
	if len(b.Sub) == 0 {
		column.Type, column.URL, column.Key = b.Type, b.URL, b.Key
		return column, b.check()
	}
	for _, sub := range b.Sub {
		if sub.Name == "" || len(sub.Name) > 60 {
			return Column{}, fail(40025, "invalid sub button name size")
		}
		if e := sub.check(); e != nil {
			return Column{}, e
		}
		column.Items = append(column.Items, Item{sub.Name, sub.Type, sub.URL, sub.Key})
	}
	return column, nil
}

// check returns what is wrong with a button that does something.
func (b button) check() *failure {
	u, err := url.Parse(b.URL)
	switch {
	case b.Type != "view" && b.Type != "click":
		return fail(40017, "invalid button type: the simulator has view and click")
	case b.Type == "click" && (b.Key == "" || len(b.Key) > 128):
		return fail(40019, "invalid button key size")
	case b.Type == "view" && (b.URL == "" || len(b.URL) > 1024):
		return fail(40020, "invalid button url size")
	case b.Type == "view" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == ""):
		return fail(40055, "invalid button url")
	case len(b.Sub) > 0:
		return fail(40023, "invalid sub button size")
	}
	return nil
}

func (s *Sim) getMenu(*call) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.menu == nil {
		return fail(46003, "menu no exist")
	}
	buttons := []button{}
	for _, c := range s.menu {
		b := button{Name: c.Name, Type: c.Type, URL: c.URL, Key: c.Key, Sub: []button{}}
		for _, i := range c.Items {
			b.Sub = append(b.Sub, button{Name: i.Name, Type: i.Type, URL: i.URL, Key: i.Key, Sub: []button{}})
		}
		buttons = append(buttons, b)
	}
	return map[string]any{"menu": map[string]any{"button": buttons}}
}

func (s *Sim) deleteMenu(*call) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.menu = nil
	s.hub.publish("", refetch)
	return done()
}
