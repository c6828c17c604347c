package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"wxswitch/cmd/frontd/internal/menu"
)

const menuTime = 15 * time.Second

// ShowMenu says the menu that is configured, and the one that followers see.
func ShowMenu(ctx context.Context, c Config, say func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, menuTime)
	defer cancel()
	c.defaults()
	configured := outline(c.Menu)
	say("configured:\n" + configured)
	w, err := c.weChat(nil)
	if err != nil {
		return err
	}
	defer w.Close()
	shown, err := w.Menu(ctx)
	if err != nil {
		return fmt.Errorf("menu: %w", err)
	}
	followersSee := outline(shown)
	say("at the platform:\n" + followersSee)
	if followersSee == configured {
		say("the two are the same")
	} else {
		say("the two differ: `frontd menu apply` puts the configured one into force")
	}
	return nil
}

// ApplyMenu makes the configured menu the one that followers see.
func ApplyMenu(ctx context.Context, c Config, say func(string)) error {
	ctx, cancel := context.WithTimeout(ctx, menuTime)
	defer cancel()
	c.defaults()
	w, err := c.weChat(nil)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := w.SetMenu(ctx, c.Menu); err != nil {
		return fmt.Errorf("menu: %w", err)
	}
	say("applied; phones show it within 5 minutes")
	return nil
}

func outline(columns []menu.Column) string {
	var b strings.Builder
	for _, c := range columns {
		fmt.Fprintf(&b, "  %s\n", c.Name)
		for _, i := range c.Items {
			switch {
			case i.Answer != "":
				fmt.Fprintf(&b, "    %s: answers %s\n", i.Name, i.Answer)
			default:
				fmt.Fprintf(&b, "    %s: opens %s%s\n", i.Name, i.Page, i.URL)
			}
		}
	}
	if len(columns) == 0 {
		return "  none\n"
	}
	return b.String()
}
