package wechat

// Words that followers read in template messages. A result is a phrase: at most
// five Chinese characters.

const kindMovement = "movement"

type words struct{ what, result string }

// kinds are the notices that have a template's words. The text of one that is not
// here is enough.
var kinds = map[string]words{
	kindMovement:     {"账户资金变动", "资金变动"},
	"deregistered":   {"客户注销", "注销成功"},
	"restored":       {"客户注销", "注销失败"},
	"detached":       {"账户解挂", "解挂成功"},
	"attached":       {"账户解挂", "解挂失败"},
	"superseded":     {"客户认证", "服务终止"},
	"account-ended":  {"账户状态变更", "自动解挂"},
	"customer-ended": {"微信银行服务", "服务终止"},
}

// directions of a movement.
var directions = map[string]string{"in": "收入", "out": "支出"}

// events of an account at its bank.
var events = map[string]string{
	"deregistered":  "柜台注销",
	"closed":        "账户销户",
	"card-lost":     "卡片挂失",
	"card-replaced": "卡片更换",
}

const (
	otherEvent  = "状态变更"
	unknownBank = "开户行" // whose name cannot be had
	tailPrefix  = "尾号"
)
