package stage

import (
	"cmp"
	"crypto/rand"
	"strings"

	frontd "wxswitch/cmd/frontd/app"
	"wxswitch/cmd/internal/world"
	wxsim "wxswitch/cmd/wxsim/app"
)

// The account and its templates, as its owner would have made them.
const (
	accountName = "新疆汇和银行"
	accountID   = "gh_0a1b2c3d4e5f"
	appID       = "wx0123456789abcdef"

	movementTemplate = "vjR9DUNAiOL8movement"
	serviceTemplate  = "qT4mCwYbXk2sservice"
)

// letters is a random text of n letters and digits, as the platform's keys are.
func letters(n int) string {
	const from = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, n)
	_, _ = rand.Read(b)
	for i := range b {
		b[i] = from[int(b[i])%len(from)]
	}
	return string(b)
}

// configure makes the configurations of front and WeChat fit each other.
func (s *Stage) configure() {
	secret, signing, aes := letters(32), letters(32), letters(42)+"A" // 43 of base64 end in few letters
	sealing := make([]byte, 32)
	_, _ = rand.Read(sealing)
	s.front = frontd.Config{
		Ops: "127.0.0.1:0", Public: s.FrontURL(), FrameAncestors: "http://*.localhost:" + port(s.doors.wechat), Terms: "2026-11",
		Account:  frontd.Account{Name: accountName, ID: accountID, AppID: appID},
		Platform: frontd.Platform{API: "http://" + s.doors.wechat.Addr().String(), Authorize: s.URL() + "/connect/oauth2/authorize"},
		Switch:   frontd.Switch{URL: s.World.URL()},
		Branches: []string{"乌鲁木齐银行新华北路支行 0991-9600101", "乌鲁木齐银行友好路支行 0991-9600102", "新疆农村信用社人民路网点 0991-9600201"},
		Notices:  frontd.DefaultNotices(movementTemplate, serviceTemplate),
	}
	s.front.SetSecrets(frontd.Secrets{
		App: secret, Token: signing, AESKey: aes, Switch: s.tokens.api, Notices: s.tokens.notices,
	})
	s.front.Keys, s.front.LogTo, s.front.Tap = [][]byte{sealing}, s.log(), s.tapFront
	s.wechat = wxsim.Config{
		Listener: s.doors.wechat, LogTo: s.log(), Hops: s.hops,
		Front: wxsim.Front{Public: s.FrontURL(), Callback: s.FrontURL() + frontd.CallbackPath},
		Account: wxsim.Account{
			Name: accountName, ID: accountID, AppID: appID, Secret: wxsim.Secret(secret), Token: wxsim.Secret(signing), AESKey: wxsim.Secret(aes), Encrypt: true,
		},
		Templates: []wxsim.Template{
			{ID: movementTemplate, Title: "账户资金变动提醒", Fields: fields("thing1 账户", "thing2 交易类型", "amount3 交易金额", "thing4 账户余额", "time5 交易时间")},
			{ID: serviceTemplate, Title: "业务办理结果通知", Fields: fields("thing1 业务类型", "phrase2 办理结果", "thing3 账户", "time4 时间", "thing5 说明")},
		},
		Followers: s.Followers, Places: places,
	}
	if len(s.Followers) == 0 {
		s.wechat.Followers = []wxsim.Follower{
			{Name: "阿依古丽", Person: 0, Following: true}, {Name: "王建国", Person: 4, Following: true}, {Name: "李娜", Person: 5},
		}
	}
	for _, b := range world.Banks {
		s.wechat.Banks = append(s.wechat.Banks, wxsim.Bank{ID: b.ID, Title: b.Title, Control: "http://" + s.World.Sims[b.ID].ControlAddr()})
	}
	if s.TuneFront != nil {
		s.TuneFront(&s.front)
	}
	if s.TuneWeChat != nil {
		s.TuneWeChat(&s.wechat)
	}
	s.wechat.Log.Level = cmp.Or(s.wechat.Log.Level, "warn")
}

// fields are a template's, each a name and its label.
func fields(all ...string) (list []wxsim.Field) {
	for _, f := range all {
		name, label, _ := strings.Cut(f, " ")
		list = append(list, wxsim.Field{Name: name, Label: label})
	}
	return list
}

// places are points of the phone's map, in the city that the world's branches are
// in.
var places = []wxsim.Place{
	{ID: "xinhua", Name: "新华北路", X: .42, Y: .46, Lat: 43.7969, Lng: 87.6171},
	{ID: "youhao", Name: "友好商圈", X: .22, Y: .24, Lat: 43.8141, Lng: 87.5921},
	{ID: "bazaar", Name: "国际大巴扎", X: .55, Y: .78, Lat: 43.7765, Lng: 87.6204},
	{ID: "people", Name: "人民公园", X: .70, Y: .38, Lat: 43.8009, Lng: 87.6049},
}
