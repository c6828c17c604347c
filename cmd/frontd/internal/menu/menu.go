package menu

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Column is one button of the bar, with its items.
type Column struct {
	Name  string `yaml:"name"`
	Items []Item `yaml:"items"`
}

// Item has exactly one of Page, Answer and URL.
type Item struct {
	Name string `yaml:"name"`
	// Page is a path of the front, such as /h5/authenticate.
	Page string `yaml:"page"`
	// Answer is the key that the chat answers, such as hotline.
	Answer string `yaml:"answer"`
	// URL is another site's address.
	URL string `yaml:"url"`
}

// The platform's bounds. It shows about 4 and 7 Chinese characters, and takes
// keys of 128 bytes.
const (
	maxColumns    = 3
	maxItems      = 5
	maxColumnName = 5
	maxItemName   = 8
	maxKey        = 128
)

// Default is the manual's menu (features A to D); its addresses are examples.
func Default() []Column {
	return []Column{
		{"客户服务", []Item{
			{Name: "客户认证", Page: "/h5/authenticate"},
			{Name: "客户注销", Answer: "deregister"},
		}},
		{"信息查询", []Item{
			{Name: "账户查询", Answer: "accounts"},
			{Name: "存贷款利率", URL: "https://example.com/rates"},
			{Name: "网点分布", Answer: "branches"},
			{Name: "服务热线", Answer: "hotline"},
			{Name: "人才招聘", URL: "https://example.com/jobs"},
		}},
		{"其他服务", []Item{
			{Name: "网点预约", Answer: "visit"},
			{Name: "移动银行下载", URL: "https://example.com/mobile"},
			{Name: "直销银行下载", URL: "https://example.com/direct"},
			{Name: "安全管理", Page: "/h5/security"},
		}},
	}
}

// Check returns, by the key of configuration, each rule that the menu breaks.
// answers are the keys that the chat knows.
func Check(columns []Column, answers func(key string) bool, at func(key, reason string) error) (errs []error) {
	if len(columns) > maxColumns {
		errs = append(errs, at("menu", "at most three columns"))
	}
	for i, c := range columns {
		key := fmt.Sprintf("menu[%d]", i)
		if rule := name(c.Name, maxColumnName); rule != "" {
			errs = append(errs, at(key+".name", rule))
		}
		if len(c.Items) == 0 || len(c.Items) > maxItems {
			errs = append(errs, at(key+".items", "one to five"))
		}
		for k, item := range c.Items {
			if err := item.check(answers); err != nil {
				errs = append(errs, at(fmt.Sprintf("%s.items[%d]", key, k), err.Error()))
			}
		}
	}
	return errs
}

func name(s string, most int) string {
	if n := utf8.RuneCountInString(s); n < 1 || n > most {
		return fmt.Sprintf("must be 1 to %d characters", most)
	}
	return ""
}

func (i Item) check(answers func(key string) bool) error {
	set := 0
	for _, s := range []string{i.Page, i.Answer, i.URL} {
		if s != "" {
			set++
		}
	}
	u, err := url.Parse(i.URL)
	switch {
	case name(i.Name, maxItemName) != "":
		return errors.New("name " + name(i.Name, maxItemName))
	case set != 1:
		return errors.New("exactly one of page, answer and url")
	case i.Page != "" && !strings.HasPrefix(i.Page, "/h5/"):
		return errors.New("page must begin with /h5/")
	case i.Answer != "" && (len(i.Answer) > maxKey || !answers(i.Answer)):
		return errors.New("answer: not one that the chat knows")
	case i.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == ""):
		return errors.New("url must be http:// or https://")
	}
	return nil
}
