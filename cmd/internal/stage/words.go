package stage

import (
	"regexp"
	"strings"

	"wxswitch/codec/iso"
)

// operations are the front's calls that the picture shows, as people call them.
var operations = map[string]string{
	"GET /v1/customer": "客户状态", "POST /v1/customer/follow": "关注", "POST /v1/customer/unfollow": "取消关注",
	"POST /v1/customer/codes": "获取验证码", "POST /v1/customer/authentication": "客户认证", "POST /v1/customer/deregistration": "客户注销",
	"POST /v1/customer/session": "登录", "DELETE /v1/customer/session": "退出登录",
	"POST /v1/customer/passwords": "登录设置", "POST /v1/customer/passwords/reset": "密码重置",
	"GET /v1/customer/accounts": "账户管理", "POST /v1/customer/accounts": "账户加挂", "POST /v1/customer/accounts/{id}/detach": "账户解挂",
	"GET /v1/customer/balances": "余额查询", "GET /v1/customer/accounts/{id}/details": "交易明细",
	"POST /v1/places/nearest": "附近网点", "POST /v1/customer/visits": "网点预约", "POST /v1/notices/{id}/delivery": "通知送达",
}

var id = regexp.MustCompile(`/(accounts|notices)/[^/]+/`)

// operation is a call's path without what it is about.
func operation(path string) string { return id.ReplaceAllString(path, "/$1/{id}/") }

// types are the bank messages, as people call them.
var types = map[string]string{
	"authenticate": "客户认证", "deregister": "客户注销", "balance": "余额查询", "reversal": "冲正", "completion": "完成通知",
	"sms-code": "短信验证码", "details": "交易明细", "attach": "账户加挂", "detach": "账户解挂", "release": "关系终止", "appointment": "网点预约",
	"movement": "动账通知", "account-event": "账户变更",
}

func title(r iso.Reading) string {
	what := types[string(r.Type)]
	if what == "" {
		what = string(r.Type)
	}
	return strings.TrimSpace(what + " " + r.MTI)
}
