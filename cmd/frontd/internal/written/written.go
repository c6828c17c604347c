package written

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Shanghai is where days are. It has had no other offset since 1991, and a table of
// zones need not be there.
var Shanghai = time.FixedZone("Asia/Shanghai", 8*60*60)

// Money writes fen as ¥1234.56, or grouped as ¥1,234.56.
func Money(fen int64, grouped bool) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(fen, 10), "-")
	digits = strings.Repeat("0", max(0, 3-len(digits))) + digits
	whole, rest := digits[:len(digits)-2], digits[len(digits)-2:]
	for at := len(whole) - 3; grouped && at > 0; at -= 3 {
		whole = whole[:at] + "," + whole[at:]
	}
	text := "¥" + whole + "." + rest
	if negative {
		text = "-" + text
	}
	return text
}

// Distance writes metres.
func Distance(metres int) string {
	if metres < 1000 {
		return fmt.Sprintf("%d米", metres)
	}
	return fmt.Sprintf("%.1f公里", float64(metres)/1000)
}
