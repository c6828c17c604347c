package callback

import (
	"strings"
	"testing"
)

// vectors are the platform's own, from its sample code and documentation: the
// samples WXBizMsgCryptTest.java (1), Sample.py (2), Sample.cpp (3) of "消息加解密"
// (https://developers.weixin.qq.com/doc/oplatform/Third-party_Platforms/2.0/api/Before_Develop/Message_encryption_and_decryption.html),
// the check of an address in WXBizMsgCryptTest.testVerifyUrl (4), and the worked
// example of "消息推送", whose AES key is 43 times A (5, 6).
const (
	sampleKey   = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
	sampleReply = `<xml><ToUserName><![CDATA[oia2Tj我是中文jewbmiOUlr6X-1crbLOvLw]]></ToUserName><FromUserName><![CDATA[gh_7f083739789a]]></FromUserName><CreateTime>1407743423</CreateTime><MsgType><![CDATA[video]]></MsgType><Video><MediaId><![CDATA[eYJ1MbwPRJtOvIEabaxHs7TX2D-HV71s79GUxqdUkjm6Gs2Ed1KF3ulAOA9H1xG0]]></MediaId><Title><![CDATA[testCallBackReplyVideo]]></Title><Description><![CDATA[testCallBackReplyVideo]]></Description></Video></xml>`
	sampleText  = "<xml><ToUserName><![CDATA[gh_10f6c3c3ac5a]]></ToUserName>\n<FromUserName><![CDATA[oyORnuP8q7ou2gfYjqLzSIWZf0rs]]></FromUserName>\n<CreateTime>1409735668</CreateTime>\n<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[abcdteT]]></Content>\n<MsgId>6054768590064713728</MsgId>\n</xml>"
)

// sealedVectors were encrypted with the random bytes that stand there.
var sealedVectors = map[string]struct{ key, appID, random, plain, sealed string }{
	"1 short": {
		sampleKey, "wxb11529c136998cb6", "aaaabbbbccccdddd", "我是中文abcd123",
		"jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg==",
	},
	"1 long": {
		sampleKey, "wxb11529c136998cb6", "aaaabbbbccccdddd", sampleReply,
		"jn1L23DB+6ELqJ+6bruv23M2GmYfkv0xBh2h+XTBOKVKcgDFHle6gqcZ1cZrk3e1qjPQ1F4RsLWzQRG9udbKWesxlkupqcEcW7ZQweImX9+wLMa0GaUzpkycA8+IamDBxn5loLgZpnS7fVAbExOkK5DYHBmv5tptA9tklE/fTIILHR8HLXa5nQvFb3tYPKAlHF3rtTeayNf0QuM+UW/wM9enGIDIJHF7CLHiDNAYxr+r+OrJCmPQyTy8cVWlu9iSvOHPT/77bZqJucQHQ04sq7KZI27OcqpQNSto2OdHCoTccjggX5Z9Mma0nMJBU+jLKJ38YB1fBIz+vBzsYjrTmFQ44YfeEuZ+xRTQwr92vhA9OxchWVINGC50qE/6lmkwWTwGX9wtQpsJKhP+oS7rvTY8+VdzETdfakjkwQ5/Xka042OlUb1/slTwo4RscuQ+RdxSGvDahxAJ6+EAjLt9d8igHngxIbf6YyqqROxuxqIeIch3CssH/LqRs+iAcILvApYZckqmA7FNERspKA5f8GoJ9sv8xmGvZ9Yrf57cExWtnX8aCMMaBropU/1k+hKP5LVdzbWCG0hGwx/dQudYR/eXp3P0XxjlFiy+9DMlaFExWUZQDajPkdPrEeOwofJb",
	},
	"6 reply": {
		strings.Repeat("A", 43), "wx134c8103faa5a59e", "999951349e8ee746", "<xml><demo_resp>[CDATA[good luck]]</demo_resp></xml>",
		"hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7",
	},
}

func TestThePlatformsCiphertextsAreOurs(t *testing.T) {
	for name, v := range sealedVectors {
		t.Run(name, func(t *testing.T) {
			k, err := newKey(Secret(v.key), v.appID)
			if err != nil {
				t.Fatal(err)
			}
			if got := k.sealWith([]byte(v.random), []byte(v.plain)); got != v.sealed {
				t.Errorf("got %s", got)
			}
			if got, err := k.open(v.sealed); err != nil || string(got) != v.plain {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

// signedVectors hold part of what they decrypt to, or nothing where the source
// gives the signature only.
var signedVectors = map[string]struct{ token, key, appID, signature, stamp, nonce, sealed, holds string }{
	"2 text": {
		"spamtest", sampleKey, "wx2c2769f8efd9abc2", "5d197aaffba7e9b25a30732f161a50dee96bd5fa", "1409735669", "1320562132",
		"hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9FrXpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WGzjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIBYYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE=",
		sampleText,
	},
	"3 text": {
		"spamtest", sampleKey, "wx2c2769f8efd9abc2", "003fee52ecc56afb46c00b5c7721be87860ce785", "1410349438", "298025754",
		"mfBCs65c67CeJw22u4VT2TD73q5H06+ocrAIxswCaeZ/d/Lw0msSZFHY0teqgSYiI1zR2gD2DKrB3TIrmX/liNSDrGqS8jSI/WPeKB5VPr7Ezr7gomZAyGCwJSgT1TRFWPfONGJMxuj2nk4faTuspAuVIFQ6SHwZuJBZC7mcJp7Cgr9cUhATQWDbOPaE7ukZBTV2YqyzH+UI2AK+J1S47cE79k1RX8t0hcTz/O0hlK8DGXKnvYv88qKQcI7z4iaajqHfRVZKBNyOODabs+It+ZfM3dWTeFcPgDbGtIEnpt/EDtuuA/zMvtkaKdHdswPnVZQ+xdwbYr3ldGvfT8HlEYEgkgKaThxTFobVlwzu2ZkXCjicbP3xdr15Iq48ObgzPpqYuZ3IEoyggZDKClquk0u0orMck4GTF/XyE8yGzc4=",
		"<ToUserName><![CDATA[gh_10f6c3c3ac5a]]></ToUserName>",
	},
	"4 check": {
		"QDG6eK", "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C", "wx5823bf96d3bd56c7", "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3", "1409659589", "263014780",
		"P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
		"1616140317555161061",
	},
	"5 event": {
		"AAAAA", strings.Repeat("A", 43), "wx134c8103faa5a59e", "6c12a4205838198b8fa631b3220723bb07f1015c", "1715943329", "1590219412",
		"D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKYpJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yltw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCxgfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6kIaR9P4xQrWXbsTFHTYe0Mg==",
		"<Event><![CDATA[debug_demo]]></Event>",
	},
	"6 reply": {
		"AAAAA", strings.Repeat("A", 43), "wx134c8103faa5a59e", "03e0812039325c2712ef5f0f980fd14c70d6e307", "1713424427", "415670741",
		"hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7",
		"good luck",
	},
}

func TestThePlatformsSignaturesAreOurs(t *testing.T) {
	for name, v := range signedVectors {
		t.Run(name, func(t *testing.T) {
			if got := signature(Secret(v.token), v.stamp, v.nonce, v.sealed); got != v.signature {
				t.Errorf("signature %s", got)
			}
			k, err := newKey(Secret(v.key), v.appID)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.open(v.sealed); err != nil || !strings.Contains(string(got), v.holds) {
				t.Errorf("opened %q, %v", got, err)
			}
		})
	}
}

func TestThePlatformsTextIsRead(t *testing.T) {
	m, err := parse([]byte(sampleText))
	if err != nil || m.Account != "gh_10f6c3c3ac5a" || m.Follower != "oyORnuP8q7ou2gfYjqLzSIWZf0rs" || m.At.Unix() != 1409735668 ||
		m.Type != "text" || m.Text != "abcdteT" || m.ID != "6054768590064713728" {
		t.Fatalf("got %#v, %v", m, err)
	}
}
