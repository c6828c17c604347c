package h5

import "wxswitch/cmd/frontd/internal/chat"

// What the pages themselves say. What became of a request, and why, the switch
// says: those words come with its answers.

// The icons of a page that says one thing.
const (
	iconDone = "done"
	iconWarn = "warn"
	iconWait = "wait"
	iconInfo = "info"
)

// note is a page that says one thing.
type note struct {
	Icon, Title, Text string
}

const (
	titleSorry = "暂时无法办理"
	titleOver  = "页面已过期"
)

// notices are the pages for what no form can mend.
var notices = struct{ stale, over, missing, busy, unidentified, snapshot, stranger, loggedOut, nothingToEnd, noPlace note }{
	stale:        note{iconWarn, titleOver, "请返回公众号，从菜单重新打开"},
	over:         note{iconWarn, titleOver, "您离开的时间较长，刚才填写的内容未提交，请重新打开页面"},
	missing:      note{iconInfo, "页面不存在", "请返回公众号，从菜单重新打开"},
	busy:         note{iconWarn, titleSorry, "系统繁忙，请稍后再试"},
	unidentified: note{iconWarn, titleSorry, "未能确认您的微信身份，请重新打开页面"},
	snapshot:     note{iconInfo, "请使用完整服务", "当前为快照页，请点击页面下方“使用完整服务”后再办理"},
	stranger:     note{iconInfo, "请先关注公众号", "关注公众号后，从菜单打开即可办理"},
	loggedOut:    note{iconDone, "已退出登录", ""},
	nothingToEnd: note{iconInfo, "客户注销", "您尚未认证，无需注销"},                                     // A6
	noPlace:      note{iconInfo, "请先发送您的位置", "请返回公众号对话，" + chat.WayToPlace + "，再回复 1 或 2"}, // D1
}

// Words of forms that the front itself has to say.
const (
	titleUnheard = "未收到处理结果"
	textUnheard  = "未收到处理结果。请再点一次按钮查询，不会重复办理"
	textUnsent   = "系统繁忙，请稍后再试"
	textReused   = "内容有改动，请再次提交"

	textDeregisterFailed = "注销失败，请与开户行联系。" // A9
	textDeregisterDoubt  = "注销超时，请与开户行联系！" // A9

	textSet        = "密码设置成功"
	textReset      = "密码重置成功"
	textNoAccounts = "暂无可显示的账户"
)

// action is where a result leads.
type action struct {
	Label, Path string
}

// kind is what a result is of.
type kind struct {
	Title string
	// Then is where an approval leads, Again where anything else may.
	Then, Again []action
}

var (
	toAccounts = action{"账户查询", "/h5/accounts"}
	toLogin    = action{"登录设置", "/h5/settings"}
	toEdit     = action{"返回添加删除", "/h5/accounts/edit"}
)

// kinds are the results that there are.
var kinds = map[string]kind{
	"authenticate": {"客户认证", []action{toLogin}, []action{{"重新认证", "/h5/authenticate"}}},
	"again":        {"客户认证", []action{toLogin}, []action{{"重新认证", "/h5/authenticate/again"}}},
	"deregister":   {"客户注销", nil, []action{{"再次注销", "/h5/deregister"}}},
	"settings":     {"登录设置", []action{toAccounts}, []action{toLogin}},
	"reset":        {"密码重置", []action{toAccounts}, []action{{"重新办理", "/h5/security"}}},
	"attach":       {"账户加挂", []action{toAccounts, toEdit}, []action{{"重新加挂", "/h5/accounts/add"}, toEdit}},
	"detach":       {"账户解挂", []action{toEdit}, []action{toEdit}},
	"visit":        {"网点预约", nil, []action{{"附近网点", "/h5/branches"}}},
}

// titles are what a result page says above the switch's words.
var titles = map[string]string{
	outcomeApproved: "办理成功",
	outcomeDeclined: "未办理成功",
	outcomeTimedOut: "开户行未及时答复",
	outcomeRefused:  "未办理成功",
}

// fieldOf names the field that a problem is about, so that the page can show it
// there. Of passwords, old_login and old_payment are those that are set.
var fieldOf = map[string]string{
	"cert-type-missing": "cert_type", "cert-number-invalid": "cert_number", "identity-mismatch": "cert_number", "other-certificate": "cert_number",
	"account-missing": "account", "unknown-bin": "account", "account-invalid": "account", "account-unknown": "account", "account-linked": "account",
	"bank-mismatch": "bank", "bank-needed": "bank", "unknown-bank": "bank",
	"code-missing": "code", "code-wrong": "code", "code-expired": "code", "code-void": "code", "code-used": "code",
	"consent-missing":        "terms",
	"login-password-invalid": "login", "login-password-wrong": "old_login", "login-locked": "old_login",
	"payment-password-invalid": "payment", "payment-password-wrong": "old_payment", "payment-locked": "old_payment",
	"login-password-weak": "login", "payment-password-weak": "payment", "passwords-equal": "payment",
	"phone-invalid": "phone", "business-missing": "business",
	"range-reversed": "from", "range-future": "to", "range-too-long": "from", "range-too-old": "from", "range-invalid": "from",
}
