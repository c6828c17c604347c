package chat

import (
	"cmp"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"wxswitch/cmd/frontd/internal/written"
	"wxswitch/switch/api/client"
)

// Words that hold no link. Those of the manual stand letter for letter.
const (
	textChoose        = "【1】网点预约、【2】特惠商户"
	textHotline       = "400-800-9666"
	textBranchesTitle = "新疆汇和银行网点分布"

	textSendPlace   = "请发送您的位置：" + WayToPlace + "，即可查找附近网点和特惠商户。" // ours, as all below
	textBusy        = "系统繁忙，请稍后再试"
	textNoBranches  = "暂未查到附近网点"
	textNoMerchants = "暂未查到附近特惠商户"
)

// WayToPlace is how a location is sent, in the words of WeChat's own buttons: the
// pages say it, too.
const WayToPlace = "点击输入框旁的" + placeButtons

const placeButtons = "「+」→「位置」→「发送位置」"

// maxText is what the platform takes in a reply, in bytes of UTF-8.
const maxText = 2048

// texts are the answers that hold links or configuration.
type texts struct {
	public                                              string
	authenticate, deregister, accounts, branches, visit string
	hotline, welcome, help                              string
}

func newTexts(o Options) texts {
	t := texts{public: o.Public, visit: textSendPlace, hotline: cmp.Or(plain(o.Hotline), textHotline)}
	t.authenticate = "您好，客户认证请点击" + t.link("/h5/authenticate", "这里")
	t.deregister = "您好，注销请点击" + t.link("/h5/deregister", "这里")
	t.accounts = "账户余额、明细请点击" + t.link("/h5/accounts", "这里")
	services := strings.Join([]string{
		"· 发送 rz 或 认证：" + t.link("/h5/authenticate", "客户认证"),
		"· 发送 zx 或 注销：" + t.link("/h5/deregister", "客户注销"),
		"· " + t.link("/h5/accounts", "账户余额、明细"),
		"· 发送您的位置（" + placeButtons + "）：附近网点、特惠商户",
		"· 服务热线：" + t.hotline,
	}, "\n")
	t.welcome = "您好，欢迎关注。您可以：\n" + services
	t.help = "您好，您可以：\n" + services
	lines := make([]string, len(o.Branches))
	for i, b := range o.Branches {
		lines[i] = plain(b)
	}
	t.branches = list(cmp.Or(plain(o.BranchesTitle), textBranchesTitle), lines, t.link("/h5/branches", "查看附近网点"))
	return t
}

// clicks are the answers by the menu's keys: an Item's Answer.
func (t texts) clicks() map[string]string {
	return map[string]string{
		"deregister": t.deregister, "accounts": t.accounts, "branches": t.branches, "hotline": t.hotline, "visit": t.visit,
	}
}

// nearest is the answer to 1 and 2.
func (t texts) nearest(kind client.LocationKind, places []client.NearPlace) string {
	var lines []string
	for _, p := range places {
		if p.Branch != nil {
			lines = append(lines, t.link("/h5/branches/"+url.PathEscape(p.Branch.Id), plain(p.Branch.Name))+" "+written.Distance(p.Metres))
		}
		if m := p.Merchant; m != nil {
			lines = append(lines, strings.Join(slices.DeleteFunc([]string{
				plain(m.Name) + " " + written.Distance(p.Metres), plain(m.Offer), plain(m.Address),
			}, func(s string) bool { return s == "" }), "\n"))
		}
	}
	switch {
	case kind == client.LocationKindMerchants && len(lines) == 0:
		return textNoMerchants
	case kind == client.LocationKindMerchants:
		return list("附近特惠商户：", lines, t.link("/h5/merchants", "查看更多特惠商户"))
	case len(lines) == 0:
		return textNoBranches
	}
	return list("附近网点，点击名称查看详情并预约：", lines, t.link("/h5/branches", "查看更多网点"))
}

func (t texts) link(path, text string) string {
	return `<a href="` + strings.ReplaceAll(t.public+path, `"`, "%22") + `">` + text + `</a>`
}

// list is what stands between first and last, cut at whole entries where it
// would be too long.
func list(first string, entries []string, last string) string {
	text := first
	for _, e := range entries {
		if len(text)+len(e)+len(last)+2 > maxText {
			break
		}
		text += "\n" + e
	}
	return text + "\n" + last
}

// plain is data of others without what the client would take for a link.
func plain(s string) string {
	return strings.TrimSpace(strings.NewReplacer("<", "＜", ">", "＞").Replace(s))
}

// normalise makes one of what followers type alike: full and half width, capital
// and small, blanks and invisible characters around, brackets of a choice.
func normalise(s string) string {
	s = strings.ToLower(width.Fold.String(s))
	s = strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || unicode.Is(unicode.Cf, c) })
	for _, choice := range []string{"1", "2"} {
		if s == "【"+choice+"】" || s == "["+choice+"]" {
			return choice
		}
	}
	return s
}
